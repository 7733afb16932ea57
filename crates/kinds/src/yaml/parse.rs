//! Events of the YAML parser made into a JSON value, with a budget.

use std::collections::HashMap;

use serde_json::{Map, Value};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::{Error, MAX_BYTES, MAX_DEPTH, MAX_NODES, scalar};

/// What a plain scalar means, or why it has no meaning.
type Plain = fn(&str) -> Result<Value, String>;

/// Reads the only document of a text; `null` when there is none.
pub(super) fn document(text: &str, plain: Plain) -> Result<Value, Error> {
    if text.len() > MAX_BYTES {
        return Err(Error::TooLong { found: text.len() });
    }
    let mut builder = Builder {
        parser: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
        anchors: HashMap::new(),
        nodes: 0,
        plain,
    };
    let mut first = None;
    loop {
        let (event, line) = builder.next()?;
        match event {
            Event::StreamEnd => return Ok(first.unwrap_or(Value::Null)),
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            node => {
                let (value, _) = builder.node(node, line, 0)?;
                match first {
                    None | Some(Value::Null) => first = Some(value),
                    Some(_) if value.is_null() => {}
                    Some(_) => return Err(Error::SecondDocument { line }),
                }
            }
        }
    }
}

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// The nodes of every anchored value, with their number of nodes.
    anchors: HashMap<usize, (Value, usize)>,
    nodes: usize,
    plain: Plain,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize), Error> {
        loop {
            let (event, span): (Event<'a>, Span) = match self.parser.next_event() {
                Some(next) => next.map_err(|error| syntax(&error))?,
                None => return Ok((Event::StreamEnd, 0)),
            };
            if !matches!(event, Event::Comment(..) | Event::Anchor(..)) {
                return Ok((event, span.start.line()));
            }
        }
    }

    fn count(&mut self, n_nodes: usize, line: usize) -> Result<(), Error> {
        self.nodes += n_nodes;
        if self.nodes > MAX_NODES { Err(Error::TooManyNodes { line }) } else { Ok(()) }
    }

    /// Reads the node that `event` starts; also returns its number of nodes.
    fn node(
        &mut self,
        event: Event<'a>,
        line: usize,
        depth: usize,
    ) -> Result<(Value, usize), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep { line });
        }
        let before = self.nodes;
        self.count(1, line)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (scalar_value(&text, style, tag.as_deref(), line, self.plain)?, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(depth)?, anchor),
            Event::Alias(anchor) => {
                let Some((value, n_nodes)) = self.anchors.get(&anchor) else {
                    let what = "an alias to an anchor that contains it is not allowed".to_owned();
                    return Err(Error::Unsupported { line, what });
                };
                let (value, n_nodes) = (value.clone(), *n_nodes);
                self.count(n_nodes, line)?;
                return Ok((value, n_nodes));
            }
            _ => {
                let what = "a value is expected here".to_owned();
                return Err(Error::Unsupported { line, what });
            }
        };
        let n_nodes = self.nodes - before;
        if anchor != 0 {
            // The copy kept for aliases counts too: it takes memory.
            self.count(n_nodes, line)?;
            self.anchors.insert(anchor, (value.clone(), n_nodes));
        }
        Ok((value, n_nodes))
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, Error> {
        let mut items = Vec::new();
        loop {
            let (event, line) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::Array(items));
            }
            items.push(self.node(event, line, depth + 1)?.0);
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Error> {
        let mut map = Map::new();
        let mut merged = Vec::new();
        loop {
            let (event, line) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge = matches!(
                &event,
                Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<"
            );
            let (key, _) = self.node(event, line, depth + 1)?;
            let (event, value_line) = self.next()?;
            let (value, _) = self.node(event, value_line, depth + 1)?;
            if is_merge {
                merge_sources(value, line, &mut merged)?;
                continue;
            }
            let key = key_text(key, line)?;
            if map.contains_key(&key) {
                return Err(Error::DuplicateKey { line, key });
            }
            map.insert(key, value);
        }
        // Own keys win over merged ones, earlier merged ones over later ones.
        for source in merged {
            for (key, value) in source {
                map.entry(key).or_insert(value);
            }
        }
        Ok(Value::Object(map))
    }
}

fn merge_sources(
    value: Value,
    line: usize,
    into: &mut Vec<Map<String, Value>>,
) -> Result<(), Error> {
    match value {
        Value::Object(map) => into.push(map),
        Value::Array(items) if items.iter().all(Value::is_object) => {
            into.extend(items.into_iter().filter_map(|item| match item {
                Value::Object(map) => Some(map),
                _ => None,
            }));
        }
        _ => {
            let what = "`<<` takes a mapping or a list of mappings".to_owned();
            return Err(Error::Unsupported { line, what });
        }
    }
    Ok(())
}

fn key_text(key: Value, line: usize) -> Result<String, Error> {
    match key {
        Value::String(text) => Ok(text),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Error::Unsupported {
            line,
            what: "a key is null, a list or a mapping, only text, numbers and booleans are allowed"
                .to_owned(),
        }),
    }
}

fn scalar_value(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    line: usize,
    plain: Plain,
) -> Result<Value, Error> {
    let value = match tag {
        Some(tag) => {
            let name = tag.suffix_in_namespace("tag:yaml.org,2002:");
            scalar::tagged(name.as_deref().unwrap_or("str"), text)
        }
        None if matches!(style, ScalarStyle::Plain) => plain(text),
        None => Ok(Value::String(text.to_owned())),
    };
    value.map_err(|what| Error::Unsupported { line, what })
}

fn syntax(error: &ScanError) -> Error {
    let marker = error.marker();
    Error::Syntax { line: marker.line(), column: marker.col() + 1, what: error.info() }
}
