//! `range`: over lists, maps and whole numbers.

use super::{Exec, Frame, Rv, State};
use crate::node::{Branch, Id, Kind, Pipe};
use crate::value::{Str, Value};

/// A running loop.
pub(super) struct Range<'a> {
    pub(super) outer_mark: usize,
    inner_mark: usize,
    list: Id,
    pipe: &'a Pipe,
    items: Items,
    next: usize,
    id: Id,
}

enum Items {
    Slice(Value),
    Entries(Vec<(Str, Value)>, bool),
    Number(Value, u64),
}

impl Items {
    fn len(&self) -> u64 {
        match self {
            Self::Slice(value) => u64::try_from(value.len().unwrap_or(0)).unwrap_or(0),
            Self::Entries(entries, _) => u64::try_from(entries.len()).unwrap_or(0),
            Self::Number(_, n) => *n,
        }
    }

    /// Returns index (or key) and element.
    fn get(&self, i: usize) -> Option<(Rv, Rv)> {
        let at = i64::try_from(i).ok()?;
        match self {
            Self::Slice(value) => {
                let element = value.element(i)?;
                let element = match value {
                    Value::List(_) => Rv::Iface(element),
                    _ => Rv::of(element),
                };
                Some((Rv::Val(Value::Int(at)), element))
            }
            Self::Entries(entries, any) => {
                let (key, value) = entries.get(i)?.clone();
                let value = if *any { Rv::Iface(value) } else { Rv::of(value) };
                Some((Rv::Val(Value::String(key)), value))
            }
            Self::Number(number, n) => {
                if u64::try_from(i).ok()? >= *n {
                    return None;
                }
                let element = match number {
                    Value::Int64(_) => Value::Int64(at),
                    Value::Uint8(_) => Value::Uint8(u8::try_from(at).ok()?),
                    Value::Uint32(_) => Value::Uint32(u32::try_from(at).ok()?),
                    Value::Uint64(_) => Value::Uint64(at.cast_unsigned()),
                    Value::Named(named, _) => Value::Named(*named, at),
                    _ => Value::Int(at),
                };
                Some((Rv::Invalid, Rv::Val(element)))
            }
        }
    }
}

impl State<'_> {
    pub(super) fn walk_range(&mut self, id: Id, branch: Branch, dot: Rv) -> Exec<()> {
        let outer_mark = self.vars.len();
        let value = self.eval_pipeline(&dot, Some(branch.pipe))?;
        let inner_mark = self.vars.len();
        let Kind::Pipe(pipe) = self.tree().kind(branch.pipe) else { return Ok(()) };
        let items = match value.unwrapped() {
            Rv::Invalid | Rv::Missing => None,
            Rv::Iface(value) | Rv::Val(value) => Some(self.items(value, pipe)?),
        };
        match items {
            Some(items) if items.len() > 0 => {
                let list = branch.list;
                let range = Range { outer_mark, inner_mark, list, pipe, items, next: 0, id };
                self.frames.push(Frame::Range(Box::new(range)));
            }
            _ => {
                self.frames.push(Frame::PopVars(outer_mark));
                if let Some(list) = branch.else_list {
                    self.push_list(list, dot);
                }
            }
        }
        Ok(())
    }

    fn items(&self, value: Value, pipe: &Pipe) -> Exec<Items> {
        let number = match &value {
            Value::Int(i) | Value::Int64(i) | Value::Named(_, i) => {
                Some(u64::try_from(*i).unwrap_or(0))
            }
            Value::Uint8(u) => Some(u64::from(*u)),
            Value::Uint32(u) => Some(u64::from(*u)),
            Value::Uint64(u) => Some(*u),
            _ => None,
        };
        if let Some(n) = number {
            if pipe.decl.len() > 1 {
                let shown = value.print();
                return self
                    .error(format!("can't use {shown} to iterate over more than one variable"));
            }
            return Ok(Items::Number(value, n));
        }
        if let Some(entries) = value.entries() {
            return Ok(Items::Entries(entries, matches!(value, Value::Map(_))));
        }
        match value {
            Value::List(_)
            | Value::Strings(_)
            | Value::Ints(_)
            | Value::Bytes(_)
            | Value::Typed(..) => Ok(Items::Slice(value)),
            other => self.error(format!("range can't iterate over {}", other.print())),
        }
    }

    /// Starts the next iteration of the innermost loop, or ends it.
    pub(super) fn range_next(&mut self) -> Exec<()> {
        let Some(Frame::Range(range)) = self.frames.last() else { return Ok(()) };
        self.at(range.id);
        self.step()?;
        let Some(Frame::Range(range)) = self.frames.last_mut() else { return Ok(()) };
        let (inner_mark, outer_mark) = (range.inner_mark, range.outer_mark);
        let (list, pipe) = (range.list, range.pipe);
        let item = range.items.get(range.next);
        range.next += 1;
        let Some((index, element)) = item else {
            self.frames.pop();
            self.vars.truncate(outer_mark);
            return Ok(());
        };
        self.vars.truncate(inner_mark);
        match (pipe.is_assign, pipe.decl.as_slice()) {
            (_, []) => {}
            (true, [only]) => self.set_var(*only, element.clone())?,
            (true, [first, second, ..]) => {
                self.set_var(*first, index)?;
                self.set_var(*second, element.clone())?;
            }
            (false, [_]) => self.set_top_var(1, element.clone()),
            (false, _) => {
                self.set_top_var(1, element.clone());
                self.set_top_var(2, index);
            }
        }
        self.push_list(list, element);
        Ok(())
    }

    fn set_top_var(&mut self, n: usize, value: Rv) {
        let at = self.vars.len().wrapping_sub(n);
        if let Some(variable) = self.vars.get_mut(at) {
            variable.1 = value;
        }
    }
}
