//! X.509 certificates.

use aws_lc_rs::rsa::KeySize;

use super::super::args::{int, text};
use super::super::encoding::from_base64;
use super::super::sources::Sources;
use super::keys::PrivateKey;
use super::{Certificate, der, pem, shown};
use crate::error::FuncError;
use crate::fmt;
use crate::value::{GoTime, Str, Value};

/// Nanoseconds of a day.
const DAY: i64 = 24 * 3_600 * 1_000_000_000;

const KEY_USAGE: &[u8] = &[0x06, 3, 0x55, 0x1d, 15];
const EXTENDED_KEY_USAGE: &[u8] = &[0x06, 3, 0x55, 0x1d, 37];
const BASIC_CONSTRAINTS: &[u8] = &[0x06, 3, 0x55, 0x1d, 19];
const SUBJECT_KEY_ID: &[u8] = &[0x06, 3, 0x55, 0x1d, 14];
const AUTHORITY_KEY_ID: &[u8] = &[0x06, 3, 0x55, 0x1d, 35];
const SUBJECT_ALT_NAME: &[u8] = &[0x06, 3, 0x55, 0x1d, 17];
const COMMON_NAME: &[u8] = &[0x06, 3, 0x55, 4, 3];
const SERVER_AUTH: &[u8] = &[0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];
const CLIENT_AUTH: &[u8] = &[0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2];
const TRUE: &[u8] = &[0x01, 1, 0xff];

type Made = Result<Certificate, FuncError>;

/// What a certificate is asked for.
pub(super) struct Request<'a> {
    name: &'a [u8],
    addresses: Vec<Value>,
    hosts: Vec<Value>,
    days: i64,
    key: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// Reads the arguments: name, addresses, hosts, days, and the key at its place.
    pub(super) fn new(a: &'a [Value], key: Option<usize>) -> Self {
        let list = |i: usize| a.get(i).and_then(Value::elements).unwrap_or_default();
        Self {
            name: text(a, 0),
            addresses: list(1),
            hosts: list(2),
            days: int(a, 3),
            key: key.map(|i| text(a, i)),
        }
    }
}

fn private_key(pem: Option<&[u8]>) -> Result<PrivateKey, FuncError> {
    match pem {
        Some(pem) => {
            PrivateKey::from_pem(pem).map_err(|e| FuncError(format!("parsing private key: {e}")))
        }
        None => PrivateKey::generate_rsa(KeySize::Rsa2048)
            .map_err(|e| FuncError(format!("error generating rsa key: {e}"))),
    }
}

pub(super) fn build_custom(cert: &[u8], key: &[u8]) -> Result<Certificate, String> {
    let cert = from_base64(cert).map_err(|_| "unable to decode base64 certificate")?;
    let key = from_base64(key).map_err(|_| "unable to decode base64 private key")?;
    let block = pem::decode(&cert).ok_or("unable to decode certificate")?;
    Parsed::new(&block.bytes)
        .map_err(|e| format!("error parsing certificate: decodedCert.Bytes: {e}"))?;
    PrivateKey::from_pem(&key).map_err(|e| format!("error parsing private key: {e}"))?;
    Ok(Certificate { cert: Str::from(cert), key: Str::from(key) })
}

pub(super) fn authority(name: &[u8], days: i64, key: Option<&[u8]>, sources: &Sources) -> Made {
    let key = private_key(key)?;
    let request = Request { name, addresses: Vec::new(), hosts: Vec::new(), days, key: None };
    issue(&request, &key, None, true, sources)
}

/// A certificate for a server: signed by itself, or by `signer`.
pub(super) fn leaf(request: &Request<'_>, signer: Option<&Value>, sources: &Sources) -> Made {
    let key = private_key(request.key)?;
    let signer = match signer {
        None => None,
        Some(signer) => {
            let ca = Certificate::of(signer).ok_or("no certificate to sign with")?;
            let block = pem::decode(&ca.cert).ok_or("unable to decode certificate")?;
            let parsed = Parsed::new(&block.bytes).map_err(|e| {
                FuncError(format!("error parsing certificate: decodedSignerCert.Bytes: {e}"))
            })?;
            let key = PrivateKey::from_pem(&ca.key)
                .map_err(|e| FuncError(format!("error parsing private key: {e}")))?;
            Some((parsed, key))
        }
    };
    issue(request, &key, signer.as_ref(), false, sources)
}

/// What is needed of the certificate of a signer.
struct Parsed {
    subject: Vec<u8>,
    public_key_info: Vec<u8>,
    key_id: Option<Vec<u8>>,
}

impl Parsed {
    fn new(bytes: &[u8]) -> Result<Self, &'static str> {
        Self::read(bytes).ok_or("x509: malformed certificate")
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (body, _) = der::expect(bytes, 0x30)?;
        let (tbs, _) = der::expect(body, 0x30)?;
        let mut rest = tbs;
        if let Some((_, after)) = der::expect(rest, 0xa0) {
            rest = after;
        }
        let (_, rest) = der::expect(rest, 0x02)?;
        let (_, rest) = der::expect(rest, 0x30)?;
        let (_, rest) = der::expect(rest, 0x30)?;
        let (_, rest) = der::expect(rest, 0x30)?;
        let (subject, rest) = der::whole(rest)?;
        let (public_key_info, mut rest) = der::whole(rest)?;
        let mut key_id = None;
        while let Some((tag, content, after)) = der::read(rest) {
            if tag == 0xa3 {
                key_id = subject_key_id(content);
            }
            rest = after;
        }
        Some(Self { subject: subject.to_vec(), public_key_info: public_key_info.to_vec(), key_id })
    }
}

fn subject_key_id(extensions: &[u8]) -> Option<Vec<u8>> {
    let (mut list, _) = der::expect(extensions, 0x30)?;
    while let Some((extension, rest)) = der::expect(list, 0x30) {
        let (oid, mut value) = der::whole(extension)?;
        if oid == SUBJECT_KEY_ID {
            if let Some((_, after)) = der::expect(value, 0x01) {
                value = after;
            }
            let (content, _) = der::expect(value, 0x04)?;
            return der::expect(content, 0x04).map(|(id, _)| id.to_vec());
        }
        list = rest;
    }
    None
}

fn issue(
    request: &Request<'_>,
    key: &PrivateKey,
    signer: Option<&(Parsed, PrivateKey)>,
    authority: bool,
    sources: &Sources,
) -> Made {
    let names = alternative_names(request)?;
    let public_key_info = key.public_key_info();
    let signing_key = signer.map_or(key, |(_, key)| key);
    let subject = subject(request.name);
    let mut issuer = &subject;
    let mut key_id = None;
    if authority {
        key_id = Some(key_identifier(&public_key_info));
    }
    let mut authority_id = None;
    if let Some((parsed, signing_key)) = signer {
        if parsed.public_key_info != signing_key.public_key_info() {
            return Err("error creating certificate: x509: provided PrivateKey doesn't match \
                        parent's PublicKey"
                .into());
        }
        issuer = &parsed.subject;
        if parsed.subject != subject {
            authority_id.clone_from(&parsed.key_id);
        }
    }
    let mut serial = [0; 16];
    sources.fill(&mut serial);
    let now = sources.now();
    let end = now.add(DAY.wrapping_mul(request.days));
    let validity = der::sequence(&[&time(&now)?, &time(&end)?]);
    let extensions =
        extensions(authority, key_id.as_deref(), authority_id.as_deref(), &names, &subject);
    let algorithm = signing_key.signature_algorithm();
    let body = der::sequence(&[
        &der::tagged(0xa0, &der::integer(&[2])),
        &der::integer(&serial),
        &algorithm,
        issuer,
        &validity,
        &subject,
        &public_key_info,
        &der::tagged(0xa3, &extensions),
    ]);
    let signature = signing_key
        .sign(&body)
        .map_err(|e| FuncError(format!("error creating certificate: {e}")))?;
    let certificate = der::sequence(&[&body, &algorithm, &der::bits(&signature)]);
    Ok(Certificate {
        cert: Str::from(pem::encode("CERTIFICATE", &certificate)),
        key: Str::from(key.pem()),
    })
}

fn subject(name: &[u8]) -> Vec<u8> {
    if name.is_empty() {
        return der::sequence(&[]);
    }
    let printable = name.iter().all(|b| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(b));
    let value = der::tagged(if printable { 0x13 } else { 0x0c }, name);
    let attribute = der::sequence(&[COMMON_NAME, &value]);
    der::sequence(&[&der::tagged(0x31, &attribute)])
}

/// The first 160 bits of the digest of the public key.
fn key_identifier(public_key_info: &[u8]) -> Vec<u8> {
    let key = der::expect(public_key_info, 0x30)
        .and_then(|(body, _)| der::whole(body))
        .and_then(|(_, rest)| der::expect(rest, 0x03))
        .map(|(bits, _)| bits.get(1..).unwrap_or_default())
        .unwrap_or_default();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key);
    digest.as_ref()[..20].to_vec()
}

fn time(at: &GoTime) -> Result<Vec<u8>, FuncError> {
    let at = at.in_zone(crate::value::Zone::Utc);
    match at.civil().year {
        1950..=2049 => Ok(der::tagged(0x17, at.format("060102150405Z").as_bytes())),
        0..=9999 => Ok(der::tagged(0x18, at.format("20060102150405Z").as_bytes())),
        _ => Err("error creating certificate: asn1: structure error: cannot represent time as \
                  GeneralizedTime"
            .into()),
    }
}

fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { TRUE } else { &[] };
    der::sequence(&[oid, critical, &der::octets(value)])
}

fn extensions(
    authority: bool,
    key_id: Option<&[u8]>,
    authority_id: Option<&[u8]>,
    names: &[u8],
    subject: &[u8],
) -> Vec<u8> {
    // Digital signature and key encipherment; an authority also signs certificates.
    let usage: &[u8] = if authority { &[0x03, 2, 2, 0xa4] } else { &[0x03, 2, 5, 0xa0] };
    let constraints = if authority { der::sequence(&[TRUE]) } else { der::sequence(&[]) };
    let mut all = vec![
        extension(KEY_USAGE, true, usage),
        extension(EXTENDED_KEY_USAGE, false, &der::sequence(&[SERVER_AUTH, CLIENT_AUTH])),
        extension(BASIC_CONSTRAINTS, true, &constraints),
    ];
    if let Some(id) = key_id {
        all.push(extension(SUBJECT_KEY_ID, false, &der::octets(id)));
    }
    if let Some(id) = authority_id {
        let value = der::sequence(&[&der::tagged(0x80, id)]);
        all.push(extension(AUTHORITY_KEY_ID, false, &value));
    }
    if !names.is_empty() {
        // Without a subject the names are all there is, hence critical.
        let critical = subject.len() == 2;
        all.push(extension(SUBJECT_ALT_NAME, critical, &der::tagged(0x30, names)));
    }
    der::sequence(&all.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn alternative_names(request: &Request<'_>) -> Result<Vec<u8>, FuncError> {
    let not_text = |what: &str, value: &Value| {
        let value = fmt::try_sprint(std::slice::from_ref(value)).unwrap_or_default();
        FuncError(format!("error {what}: {} is not a string", shown(&value)))
    };
    let mut addresses = Vec::new();
    for value in &request.addresses {
        let Value::String(text) = value else { return Err(not_text("parsing ip", value)) };
        let address = text.as_str().and_then(|text| text.parse::<std::net::IpAddr>().ok());
        let bytes = match address.map(|address| address.to_canonical()) {
            Some(std::net::IpAddr::V4(address)) => address.octets().to_vec(),
            Some(std::net::IpAddr::V6(address)) => address.octets().to_vec(),
            None => return Err(FuncError(format!("error parsing ip: {}", shown(text)))),
        };
        addresses.extend(der::tagged(0x87, &bytes));
    }
    let mut names = Vec::new();
    for value in &request.hosts {
        let Value::String(text) = value else {
            return Err(not_text("processing alternate dns name", value));
        };
        if !text.is_ascii() {
            let quoted = crate::strconv::quote(text);
            return Err(FuncError(format!(
                "error creating certificate: x509: {quoted} cannot be encoded as an IA5String"
            )));
        }
        names.extend(der::tagged(0x82, text));
    }
    names.extend(addresses);
    Ok(names)
}
