//! Actions that begin with a keyword.

use super::{Parse, Parser, State};
use crate::lex::{Item, Tok};
use crate::node::{Branch, Id, Kind};

impl Parser<'_> {
    pub(super) fn action(&mut self) -> Parse<Id> {
        let token = self.next_non_space();
        match token.tok {
            Tok::Block => return self.block_control(),
            Tok::Break => return self.loop_control(token.pos, "break", Kind::Break),
            Tok::Continue => return self.loop_control(token.pos, "continue", Kind::Continue),
            Tok::Else => return self.else_control(),
            Tok::End => {
                let pos = self.expect(Tok::RightDelim, "end")?.pos;
                return Ok(self.tree.add(pos, Kind::End));
            }
            Tok::If => return self.branch("if", Kind::If),
            Tok::Range => return self.branch("range", Kind::Range),
            Tok::With => return self.branch("with", Kind::With),
            Tok::Template => return self.template_control(),
            _ => {}
        }
        self.backup();
        let pos = self.peek_ref().pos;
        // Variables declared here stay until the enclosing block ends.
        let pipe = self.pipeline("command", Tok::RightDelim)?;
        Ok(self.tree.add(pos, Kind::Action(pipe)))
    }

    fn loop_control(&mut self, pos: usize, name: &str, kind: Kind) -> Parse<Id> {
        let context = format!("{{{{{name}}}}}");
        let token = self.next_non_space();
        if token.tok != Tok::RightDelim {
            return self.unexpected(&token, &context);
        }
        if self.state.range_depth == 0 {
            return self.error(format!("{context} outside {{{{range}}}}"));
        }
        Ok(self.tree.add(pos, kind))
    }

    fn else_control(&mut self) -> Parse<Id> {
        let next = self.peek_non_space();
        let (tok, pos) = (next.tok, next.pos);
        if matches!(tok, Tok::If | Tok::With) {
            // `else if` and `else with`: the caller takes it from here.
            return Ok(self.tree.add(pos, Kind::Else));
        }
        let pos = self.expect(Tok::RightDelim, "else")?.pos;
        Ok(self.tree.add(pos, Kind::Else))
    }

    /// `if`, `range` and `with`, whose keyword is past.
    fn branch(&mut self, context: &'static str, kind: fn(Branch) -> Kind) -> Parse<Id> {
        let n_vars = self.state.vars.len();
        let branch = self.branch_parts(context, kind);
        self.state.vars.truncate(n_vars);
        let branch = branch?;
        let pos = self.tree.pos(branch.pipe);
        Ok(self.tree.add(pos, kind(branch)))
    }

    fn branch_parts(&mut self, context: &'static str, kind: fn(Branch) -> Kind) -> Parse<Branch> {
        let in_range = usize::from(context == "range");
        let pipe = self.pipeline(context, Tok::RightDelim)?;
        self.state.range_depth += in_range;
        let (list, next) = self.item_list()?;
        self.state.range_depth -= in_range;
        let mut else_list = None;
        if matches!(self.tree.kind(next), Kind::Else) {
            let pos = self.tree.pos(next);
            let chained = match context {
                "if" => self.peek_tok() == Tok::If,
                "with" => self.peek_tok() == Tok::With,
                _ => false,
            };
            if chained {
                self.next();
                else_list = Some(self.chained(pos, context, kind)?);
            } else {
                let (list, next) = self.item_list()?;
                if !matches!(self.tree.kind(next), Kind::End) {
                    let found = self.tree.show(next);
                    return self.error(format!("expected end; found {found}"));
                }
                else_list = Some(list);
            }
        }
        Ok(Branch { pipe, list, else_list })
    }

    /// `else if …` counts as a nested block, which its end closes with the outer one.
    fn chained(
        &mut self,
        pos: usize,
        context: &'static str,
        kind: fn(Branch) -> Kind,
    ) -> Parse<Id> {
        if self.blocks >= super::MAX_BLOCKS {
            let max = super::MAX_BLOCKS;
            return self.error(format!("exceeded maximum block depth ({max})"));
        }
        self.blocks += 1;
        let node = match crate::deep::call(self.blocks, || self.branch(context, kind)) {
            Some(node) => node,
            None => self.error("no thread to go on with for deeply nested blocks"),
        };
        self.blocks -= 1;
        let node = node?;
        Ok(self.tree.add(pos, Kind::List(vec![node])))
    }

    /// `{{block "name" pipeline}} … {{end}}`: a definition and its use.
    fn block_control(&mut self) -> Parse<Id> {
        let context = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, context)?;
        let pipe = self.pipeline(context, Tok::RightDelim)?;

        let inner = State { template: name.clone(), ..State::default() };
        let outer = std::mem::replace(&mut self.state, inner);
        let (body, end) = self.item_list()?;
        if !matches!(self.tree.kind(end), Kind::End) {
            // Go reports this one from the outer template.
            let end = self.tree.show(end);
            self.state = outer;
            return self.error(format!("unexpected {end} in {context}"));
        }
        self.add(body)?;
        self.state = outer;
        let kind = Kind::Template { name: name.into_boxed_str(), pipe: Some(pipe) };
        Ok(self.tree.add(token.pos, kind))
    }

    fn template_control(&mut self) -> Parse<Id> {
        let context = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, context)?;
        let mut pipe = None;
        if self.next_non_space().tok != Tok::RightDelim {
            self.backup();
            pipe = Some(self.pipeline(context, Tok::RightDelim)?);
        }
        Ok(self.tree.add(token.pos, Kind::Template { name: name.into_boxed_str(), pipe }))
    }

    fn template_name(&mut self, token: &Item<'_>, context: &str) -> Parse<String> {
        if matches!(token.tok, Tok::String | Tok::RawString) {
            return Ok(self.unquote(token)?.to_lossy().into_owned());
        }
        self.unexpected(token, context)
    }
}
