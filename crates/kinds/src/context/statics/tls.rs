//! `TLSCert` and its family: certificates made by sprig's functions, once for each name.

use gotemplate::{Func, FuncError, FuncMap, Limits, Options, Template, Type, Value};
use jiff::Timestamp;

use crate::context::text::{base64_decode, fail, text};
use crate::context::tls::{Half, Pair, TlsPairs};

/// What one certificate is made for.
struct Subject {
    name: String,
    ips: Vec<String>,
    dns: Vec<String>,
    days: i64,
}

/// Makes certificates.
#[derive(Clone)]
struct Maker {
    pairs: TlsPairs,
    now: Timestamp,
    sprig: FuncMap,
}

/// Adds the family; `sprig` makes the certificates.
pub(super) fn add(functions: &mut FuncMap, sprig: &FuncMap, pairs: &TlsPairs, now: Timestamp) {
    let maker = Maker { pairs: pairs.clone(), now, sprig: sprig.clone() };
    let lists = [Type::Any, Type::Any, Type::Int];
    let subject = |names: usize| {
        let mut types = vec![Type::String; names];
        types.extend(lists.clone());
        types
    };
    let own = maker.clone();
    functions.insert(
        "TLSCert",
        Func::new(subject(2), move |args| {
            let (name, subject) = (text(args, 0), subject_of(&args[1..]));
            let pair = own.self_signed(&name, &subject, Half::Certificate)?;
            // A key that is asked for by the name alone is this one's.
            own.pairs.name_too(&format!("cert:{name}"), &pair);
            Ok(pair.cert.into())
        })
        .typed(),
    );
    let own = maker.clone();
    let key = Func::new([Type::String], move |args| own.key(args).map(Value::from));
    functions.insert("TLSKey", key.variadic(Type::Any).typed());
    let own = maker.clone();
    functions.insert(
        "TLSCACert",
        Func::new([Type::String, Type::Int], move |args| {
            own.authority(&text(args, 0), days(args, 1), Half::Certificate)
                .map(|pair| pair.cert.into())
        })
        .typed(),
    );
    let own = maker.clone();
    functions.insert(
        "TLSCertFromCA",
        Func::new(subject(3), move |args| {
            own.signed(args, Half::Certificate).map(|pair| pair.cert.into())
        })
        .typed(),
    );
    functions.insert(
        "TLSKeyFromCA",
        Func::new(subject(3), move |args| {
            maker.signed(args, Half::Key).map(|pair| pair.key.into())
        })
        .typed(),
    );
}

impl Maker {
    /// The key of a pair; a name alone asks for the one made before, nothing when there is none.
    fn key(&self, args: &[Value]) -> Result<String, FuncError> {
        let name = text(args, 0);
        if args.len() == 5 {
            let pair = self.self_signed(&name, &subject_of(&args[1..]), Half::Key);
            return pair.map(|pair| pair.key);
        }
        Ok(self.pairs.get(&format!("cert:{name}")).map(|pair| pair.key).unwrap_or_default())
    }

    /// One name may stand for several subjects, as in the original.
    fn self_signed(&self, name: &str, subject: &Subject, half: Half) -> Result<Pair, FuncError> {
        let call = format!("genSelfSignedCert {}", subject.arguments());
        let key = format!("cert:{name}:{}", subject.name);
        self.make(&key, half, subject.days, &call, "")
    }

    fn authority(&self, name: &str, days: i64, half: Half) -> Result<Pair, FuncError> {
        let call = format!("genCA {} {days}", quoted(name));
        self.make(&format!("ca:{name}"), half, days, &call, "")
    }

    fn signed(&self, args: &[Value], half: Half) -> Result<Pair, FuncError> {
        let (authority, name) = (text(args, 0), text(args, 1));
        let subject = subject_of(&args[2..]);
        let signer = self.authority(&authority, subject.days, Half::Key)?;
        let encode = |pem: &str| crate::context::text::base64_encode(pem.as_bytes());
        let before = format!(
            "{{{{ $ca := buildCustomCert {} {} }}}}",
            quoted(&encode(&signer.cert)),
            quoted(&encode(&signer.key))
        );
        let call = format!("genSignedCert {} $ca", subject.arguments());
        let key = format!("signed:{authority}:{name}:{}", subject.name);
        self.make(&key, half, subject.days, &call, &before)
    }

    /// The pair of a key, made by calling a function of sprig's when needed.
    fn make(
        &self,
        key: &str,
        half: Half,
        days: i64,
        call: &str,
        before: &str,
    ) -> Result<Pair, FuncError> {
        self.pairs.get_or_make(key, half, (before, call), days, self.now, || {
            let source = format!(
                "{before}{{{{ $c := {call} }}}}{{{{ $c.Cert | b64enc }}}} {{{{ $c.Key | b64enc }}}}"
            );
            let made = Template::parse("certificate", &source, &Options::default(), &self.sprig)
                .and_then(|template| template.render(&Value::Nil, &Limits::default()))
                .map_err(|error| FuncError::new(error.message))?;
            let decoded =
                |part: &str| base64_decode(part).and_then(|bytes| String::from_utf8(bytes).ok());
            match made.split_once(' ').map(|(cert, key)| (decoded(cert), decoded(key))) {
                Some((Some(cert), Some(key))) => Ok((cert, key)),
                _ => fail("the certificate could not be made"),
            }
        })
    }
}

impl Subject {
    fn arguments(&self) -> String {
        let list = |items: &[String]| {
            let items: Vec<_> = items.iter().map(|item| quoted(item)).collect();
            format!("(list {})", items.join(" "))
        };
        format!("{} {} {} {}", quoted(&self.name), list(&self.ips), list(&self.dns), self.days)
    }
}

/// Name, addresses, host names and days, in this order.
fn subject_of(args: &[Value]) -> Subject {
    let list = |at: usize| {
        let items = args.get(at).and_then(Value::elements).unwrap_or_default();
        items.iter().map(Value::print).collect()
    };
    Subject { name: text(args, 0), ips: list(1), dns: list(2), days: days(args, 3) }
}

fn days(args: &[Value], at: usize) -> i64 {
    args.get(at).and_then(Value::as_i64).unwrap_or_default().clamp(0, 36_500)
}

/// A text as a literal of the template language.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
