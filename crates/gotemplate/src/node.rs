//! The parsed template: nodes in one arena, so that deep nesting costs no stack.

mod number;
mod show;

pub(crate) use number::Number;

/// Index of a node in its [`Tree`].
pub(crate) type Id = u32;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) pos: usize,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    List(Vec<Id>),
    Text(Box<str>),
    Action(Id),
    If(Branch),
    Range(Branch),
    With(Branch),
    Template {
        name: Box<str>,
        pipe: Option<Id>,
    },
    Break,
    Continue,
    Pipe(Pipe),
    Command(Vec<Id>),
    Identifier(Box<str>),
    Variable(Vec<Box<str>>),
    Dot,
    Nil,
    Field(Vec<Box<str>>),
    Chain {
        node: Id,
        fields: Vec<Box<str>>,
    },
    Bool(bool),
    Number(Box<Number>),
    Str {
        quoted: Box<str>,
        value: crate::value::Str,
    },
    /// Only while parsing: what ended a list.
    End,
    /// Only while parsing: what ended the first list of a branch.
    Else,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Id,
    pub(crate) list: Id,
    pub(crate) else_list: Option<Id>,
}

#[derive(Debug, Default)]
pub(crate) struct Pipe {
    pub(crate) is_assign: bool,
    pub(crate) decl: Vec<Id>,
    pub(crate) commands: Vec<Id>,
}

/// All nodes of one parse, the templates it defined with it.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
}

impl Tree {
    pub(crate) fn add(&mut self, pos: usize, kind: Kind) -> Id {
        self.nodes.push(Node { pos, kind });
        Id::try_from(self.nodes.len() - 1).unwrap_or(Id::MAX)
    }

    pub(crate) fn kind(&self, id: Id) -> &Kind {
        &self.nodes[id as usize].kind
    }

    pub(crate) fn pos(&self, id: Id) -> usize {
        self.nodes[id as usize].pos
    }

    /// Reports whether a body holds nothing but white space and comments: such a body redefines nothing.
    pub(crate) fn is_empty(&self, list: Id) -> bool {
        match self.kind(list) {
            Kind::List(nodes) => nodes.iter().all(|id| match self.kind(*id) {
                Kind::Text(text) => text.chars().all(crate::unicode::is_space),
                _ => false,
            }),
            _ => false,
        }
    }
}
