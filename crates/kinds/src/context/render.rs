//! The two passes over a text.

use std::collections::BTreeSet;
use std::sync::LazyLock;

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
        let items = config::Items::new(contexts.items.clone());
        let mut functions = statics::functions(&contexts.world, &contexts.tls);
        functions.extend(license::functions(contexts));
        functions.extend(identity::kurl_functions());
        functions.extend(version::functions(contexts));
        functions.extend(identity::functions(&contexts.identity));
        functions.extend(config::functions(contexts, &items));
        Self { functions, items, seed: contexts.world.seed, limits: Limits::default() }
    }

    /// Bounds every render by `limits` instead of the default ones.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds a resolved config item, to be read by the texts rendered from now on.
    pub fn set_item(&self, name: &str, item: ItemText) {
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
        if !is_template(text) {
            return Ok(text.to_owned());
        }
        // The vendor's marks of the second pass get a name nobody can guess, so that one in a
        // value that the first pass inserts is text.
        let mark = self.mark(text);
        let marked = text.replace(SECOND, &mark);
        let failed = |error: Error| describe(name, &error, &mark, text);
        let once = self.pass(name, &marked, FIRST).map_err(failed)?;
        let twice = self.pass(name, &once, &mark).map_err(failed)?;
        Ok(twice.replace(&mark, SECOND))
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

    fn pass(&self, name: &str, text: &str, left: &str) -> Result<String, Error> {
        if !text.contains(left) {
            return Ok(text.to_owned());
        }
        let options = Options::delims(left, "}}");
        Template::parse(name, text, &options, &self.functions)
            .and_then(|template| template.render(&Value::Nil, &self.limits))
    }
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
