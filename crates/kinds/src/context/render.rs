//! The two passes over a text.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, OnceLock};

use gotemplate::{Call, Error, ErrorKind, FuncMap, Limits, Options, Template, Value};
use regex::Regex;
use sha2::{Digest as _, Sha256};
use thiserror::Error as ThisError;

use super::{Contexts, ItemText, config, identity, license, statics, version};

/// What begins an action of the first pass.
const FIRST: &str = "{{repl";
/// What begins an action of the second pass.
const SECOND: &str = "repl{{";

/// Why a text could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum RenderError {
    /// A template calls a function that there is none of.
    #[error("{}: the template function `{function}` does not exist", place(file, *line, *column))]
    UnknownFunction {
        /// The file.
        file: String,
        /// The line, from 1; 0 when unknown.
        line: usize,
        /// The column, from 1; 0 when unknown.
        column: usize,
        /// The function.
        function: String,
    },
    /// A function failed.
    #[error("{}: the template function `{function}` failed: {what}", place(file, *line, *column))]
    Function {
        /// The file.
        file: String,
        /// The line, from 1; 0 when unknown.
        line: usize,
        /// The column, from 1; 0 when unknown.
        column: usize,
        /// The function.
        function: String,
        /// What it says.
        what: String,
    },
    /// The text is no template, or fails otherwise.
    #[error("{}: {what}", place(file, *line, *column))]
    Template {
        /// The file.
        file: String,
        /// The line, from 1; 0 when unknown.
        line: usize,
        /// The column, from 1; 0 when unknown.
        column: usize,
        /// What is wrong, in Go's words.
        what: String,
    },
}

/// Renders one text; for many use a [`Renderer`].
///
/// # Errors
///
/// [`RenderError`].
pub fn render_text(name: &str, text: &str, contexts: &Contexts) -> Result<String, RenderError> {
    Renderer::new(contexts).render(name, text)
}

/// The functions of some contexts, ready to render many texts.
#[derive(Debug)]
pub struct Renderer {
    functions: FuncMap,
    items: config::Items,
    seed: [u8; 32],
    limits: Limits,
}

impl Renderer {
    /// Makes the functions of these contexts. Those of later ones win: static, licence, kURL, version,
    /// identity, config.
    pub fn new(contexts: &Contexts) -> Self {
        let items = config::Items::new(&contexts.items);
        let functions = functions_of(contexts, &items);
        Self { functions, items, seed: contexts.world.seed, limits: Limits::default() }
    }

    /// Bounds every render by `limits` instead of the default ones.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds a resolved config item, to be read by the texts rendered from now on.
    pub(crate) fn set_item(&self, name: &str, item: Arc<ItemText>) {
        let mut known = self.items.lock();
        known.pending.remove(name);
        known.by_name.insert(name.to_owned(), item);
    }

    /// Says which items are still to be resolved: asking for one is noted.
    pub(crate) fn set_pending(&self, names: BTreeSet<String>) {
        self.items.lock().pending = names;
    }

    /// Returns whether an item is still to be resolved.
    pub(crate) fn is_pending(&self, name: &str) -> bool {
        self.items.lock().pending.contains(name)
    }

    /// Returns the items that were asked for before they were resolved, and forgets them.
    pub(crate) fn take_missed(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.items.lock().missed)
    }

    /// Returns whether items were asked for before they were resolved.
    pub(crate) fn has_missed(&self) -> bool {
        !self.items.lock().missed.is_empty()
    }

    /// Renders the text of a file; `name` is what an error calls it.
    ///
    /// # Errors
    ///
    /// [`RenderError`].
    pub fn render(&self, name: &str, text: &str) -> Result<String, RenderError> {
        match Text::new(Cow::Borrowed(name), Cow::Borrowed(text)) {
            Some(text) => self.render_parsed(&text),
            None => Ok(text.to_owned()),
        }
    }

    /// Renders a text whose templates were perhaps parsed before.
    ///
    /// # Errors
    ///
    /// [`RenderError`].
    pub(crate) fn render_parsed(&self, text: &Text<'_>) -> Result<String, RenderError> {
        let parsed = text.parsed.get_or_init(|| Parsed::new(text, self.mark(&text.written)));
        let mark = &parsed.mark;
        let failed = |error: Error| describe(&text.name, &error, mark, &text.written);
        let run = |template: &Template| {
            template.render_with(&self.functions, &Value::Nil, &self.limits).map_err(failed)
        };
        let twice = match (&parsed.first, &parsed.second) {
            (Some(first), _) => {
                let once = run(first.as_ref().map_err(|error| failed(error.clone()))?)?;
                if once.contains(mark.as_str()) {
                    run(&parse(&text.name, &once, mark).map_err(failed)?)?
                } else {
                    once
                }
            }
            (None, Some(second)) => run(second.as_ref().map_err(|error| failed(error.clone()))?)?,
            (None, None) => text.written.clone().into_owned(),
        };
        // The mark stands in what a comment or a text of the vendor's kept.
        Ok(if twice.contains(mark.as_str()) { twice.replace(mark.as_str(), SECOND) } else { twice })
    }

    /// The functions that a text calls, in both passes; `None` when it is no template that can be read.
    pub(crate) fn calls(&self, text: &str) -> Option<Vec<Call>> {
        let mut calls = Vec::new();
        for left in [FIRST, SECOND].into_iter().filter(|it| text.contains(it)) {
            let options = Options::delims(left, "}}");
            calls.extend(Template::parse("", text, &options, &self.functions).ok()?.calls());
        }
        Some(calls)
    }

    fn mark(&self, text: &str) -> String {
        let digest = Sha256::new().chain_update(self.seed).chain_update(text).finalize();
        format!("repl-{}{{{{", hex::encode(&digest[..12]))
    }
}

/// A text with templates, parsed at its first rendering; later ones may read something else.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    name: Cow<'a, str>,
    written: Cow<'a, str>,
    parsed: OnceLock<Parsed>,
}

impl<'a> Text<'a> {
    /// A text of this name; `None` when it has no templates and reads as it stands.
    pub(crate) fn new(name: Cow<'a, str>, text: Cow<'a, str>) -> Option<Self> {
        is_template(&text).then(|| Self { name, written: text, parsed: OnceLock::new() })
    }
}

/// What can be parsed of a text before it is rendered: a second pass over what a first one made cannot.
#[derive(Debug)]
struct Parsed {
    /// What stands for the vendor's marks of the second pass: a name that nobody can guess, so that a mark in a value
    /// which the first pass inserts is text.
    mark: String,
    first: Option<Result<Template, Error>>,
    second: Option<Result<Template, Error>>,
}

impl Parsed {
    fn new(Text { name, written, .. }: &Text<'_>, mark: String) -> Self {
        let marked = written.replace(SECOND, &mark);
        let (first, second) = if marked.contains(FIRST) {
            (Some(parse(name, &marked, FIRST)), None)
        } else if marked.contains(&mark) {
            (None, Some(parse(name, &marked, &mark)))
        } else {
            (None, None)
        };
        Self { mark, first, second }
    }
}

fn parse(name: &str, text: &str, left: &str) -> Result<Template, Error> {
    // Functions have the same names whatever they read; these read nothing.
    static NAMES: LazyLock<FuncMap> =
        LazyLock::new(|| functions_of(&Contexts::default(), &config::Items::default()));
    Template::parse(name, text, &Options::delims(left, "}}"), &NAMES)
}

fn functions_of(contexts: &Contexts, items: &config::Items) -> FuncMap {
    let mut functions = statics::functions(&contexts.world, &contexts.tls);
    functions.extend(license::functions(contexts));
    functions.extend(identity::kurl_functions());
    functions.extend(version::functions(contexts));
    functions.extend(identity::functions(&contexts.identity));
    functions.extend(config::functions(contexts, items));
    functions
}

/// Returns whether a text holds a mark of either pass.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains(FIRST) || text.contains(SECOND)
}

static UNKNOWN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"function "([^"]+)" not defined"#).expect("well formed"));
static FAILED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)error calling (\w+): (.*)").expect("well formed"));
static PREFIX: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^template: .*?:\d+(?::\d+)?: ").expect("well formed"));

/// File, line and column as editors read them.
fn place(file: &str, line: usize, column: usize) -> String {
    if column == 0 { format!("{file}:{line}") } else { format!("{file}:{line}:{column}") }
}

/// The column, from 1, at which a line of the vendor's text has the word, else its first action.
///
/// The engine's own column is that of a text in which marks were replaced, and parse errors have none.
fn column_of(text: &str, line: usize, word: &str) -> usize {
    let Some(line) = line.checked_sub(1).and_then(|at| text.lines().nth(at)) else { return 0 };
    let mut words = [word, FIRST, SECOND].into_iter().filter(|it| !it.is_empty());
    let found = words.find_map(|it| line.find(it));
    found.map_or(0, |at| line[..at].chars().count() + 1)
}

fn describe(name: &str, error: &Error, mark: &str, text: &str) -> RenderError {
    let (file, line) = (name.to_owned(), error.line);
    let column = |word: &str| column_of(text, line, word);
    let message = error.message.replace(mark, SECOND);
    let capture = |regex: &Regex, at: usize| {
        regex.captures(&message).and_then(|found| found.get(at)).map(|m| m.as_str().to_owned())
    };
    if error.kind == ErrorKind::Parse
        && let Some(function) = capture(&UNKNOWN, 1)
    {
        let column = column(&function);
        return RenderError::UnknownFunction { file, line, column, function };
    }
    if let (Some(function), Some(what)) = (capture(&FAILED, 1), capture(&FAILED, 2)) {
        let column = column(&function);
        return RenderError::Function { file, line, column, function, what };
    }
    let what = PREFIX.replace(&message, "").into_owned();
    RenderError::Template { file, line, column: column(""), what }
}
