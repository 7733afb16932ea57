//! Go's package fmt: what `print`, `printf` and an action without a function write.

mod number;
mod printf;
mod value;

use crate::error::FuncError;
use crate::value::Value;

/// No single formatted text is longer than this.
const MAX_BYTES: usize = 64 << 20;

/// How many values one text may show: values that share their parts have more of them than memory.
const MAX_VALUES: usize = 2_000_000;

/// The flags of one verb.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are the flags of the format")]
struct Flags {
    width: Option<usize>,
    precision: Option<usize>,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    plus_v: bool,
    sharp_v: bool,
}

/// The printer: an output and the state of the verb at hand.
struct Printer {
    out: Vec<u8>,
    flags: Flags,
    /// While a bad verb is reported, methods are not called.
    erroring: bool,
    depth: usize,
    n_values: usize,
    limit: usize,
    /// The output is too long or a value nested too deeply.
    failed: Option<&'static str>,
}

const TOO_LONG: &str = "text is too long";
const TOO_DEEP: &str = "value is nested too deeply to be printed";

impl Printer {
    fn new(limit: usize) -> Self {
        Self {
            out: Vec::new(),
            flags: Flags::default(),
            erroring: false,
            depth: 0,
            n_values: 0,
            limit,
            failed: None,
        }
    }

    fn push(&mut self, text: &str) {
        self.push_bytes(text.as_bytes());
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        if self.out.len() + bytes.len() > self.limit {
            self.failed = Some(TOO_LONG);
        } else {
            self.out.extend_from_slice(bytes);
        }
    }

    fn push_char(&mut self, rune: char) {
        self.push_bytes(rune.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn finish(self) -> Result<Vec<u8>, FuncError> {
        match self.failed {
            None => Ok(self.out),
            Some(reason) => Err(FuncError::new(reason)),
        }
    }

    fn print_all(&mut self, args: &[Value]) {
        let mut previous_string = false;
        for (i, arg) in args.iter().enumerate() {
            let string = matches!(arg, Value::String(_));
            if i > 0 && !string && !previous_string {
                self.push(" ");
            }
            self.print_arg(arg, 'v');
            previous_string = string;
        }
    }
}

/// `fmt.Sprint`, bounded.
pub(crate) fn try_sprint(args: &[Value]) -> Result<Vec<u8>, FuncError> {
    let mut printer = Printer::new(MAX_BYTES);
    printer.print_all(args);
    printer.finish()
}

/// `fmt.Sprint`; what is too long is cut.
pub(crate) fn sprint(args: &[Value]) -> Vec<u8> {
    let mut printer = Printer::new(MAX_BYTES);
    printer.print_all(args);
    printer.out
}

/// `fmt.Sprintln`.
pub(crate) fn sprintln(args: &[Value]) -> Result<Vec<u8>, FuncError> {
    let mut printer = Printer::new(MAX_BYTES);
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            printer.push(" ");
        }
        printer.print_arg(arg, 'v');
    }
    printer.push("\n");
    printer.finish()
}

/// `fmt.Sprintf`.
pub(crate) fn sprintf(format: &[u8], args: &[Value]) -> Result<Vec<u8>, FuncError> {
    let mut printer = Printer::new(MAX_BYTES);
    printer.printf(format, args);
    printer.finish()
}

/// Appends one value as an action prints it; an error when the output grows past `limit`.
pub(crate) fn append(out: &mut Vec<u8>, value: &Value, limit: usize) -> Result<(), FuncError> {
    match value {
        Value::String(s) if out.len() + s.len() <= limit => {
            out.extend_from_slice(s);
            Ok(())
        }
        _ => {
            let mut printer = Printer::new(limit);
            printer.out = std::mem::take(out);
            printer.print_arg(value, 'v');
            *out = std::mem::take(&mut printer.out);
            printer.finish().map(drop)
        }
    }
}
