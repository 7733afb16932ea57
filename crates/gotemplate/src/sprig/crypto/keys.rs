//! Private keys: RSA, ECDSA on P-256, P-384 and P-521, and Ed25519.

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _, Curve25519SeedBin, EcPrivateKeyBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};

use super::super::sources::Sources;
use super::{der, dsa, pem, shown};

pub(super) enum PrivateKey {
    /// PKCS #1.
    Rsa(Vec<u8>, Box<RsaKeyPair>),
    /// SEC 1.
    Ec(Vec<u8>, &'static [u8], EcdsaKeyPair),
    /// PKCS #8.
    Ed25519(Vec<u8>, Ed25519KeyPair),
    /// As OpenSSL writes it; certificates are not signed with it.
    Dsa(Vec<u8>),
}

const RSA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const RSA_SHA256: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const EC_PUBLIC_KEY: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x06, 5, 0x2b, 0x81, 0x04, 0, 34];
const P521: &[u8] = &[0x06, 5, 0x2b, 0x81, 0x04, 0, 35];
const ED25519: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x70];
const NULL: &[u8] = &[0x05, 0];

/// The curve with its name in DER and the signature that goes with it.
fn curve(name: &[u8]) -> Option<(&'static EcdsaSigningAlgorithm, &'static [u8], u8)> {
    Some(match name {
        P256 => (&ECDSA_P256_SHA256_ASN1_SIGNING, P256, 2),
        P384 => (&ECDSA_P384_SHA384_ASN1_SIGNING, P384, 3),
        P521 => (&ECDSA_P521_SHA512_ASN1_SIGNING, P521, 4),
        _ => return None,
    })
}

impl PrivateKey {
    /// Makes a key of the kind sprig names; the error is the text sprig gives instead of a key.
    pub(super) fn generate(kind: &[u8], sources: &Sources) -> Result<Self, String> {
        let failed = |_| "failed to generate private key: no randomness".to_owned();
        match kind {
            b"" | b"rsa" => Self::generate_rsa(KeySize::Rsa4096),
            b"ecdsa" => {
                let pair =
                    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?;
                let secret: EcPrivateKeyBin<'_> =
                    pair.private_key().as_be_bytes().map_err(failed)?;
                Ok(Self::Ec(sec1(secret.as_ref(), P256, pair.public_key().as_ref()), P256, pair))
            }
            b"ed25519" => {
                let pair = Ed25519KeyPair::generate().map_err(failed)?;
                Self::ed25519(pair).map_err(|()| "failed to generate private key".to_owned())
            }
            b"dsa" => Ok(Self::Dsa(dsa::generate(sources))),
            other => Err(format!("Unknown type {}", shown(other))),
        }
    }

    fn ed25519(pair: Ed25519KeyPair) -> Result<Self, ()> {
        let seed = pair.seed().map_err(|_| ())?;
        let seed: Curve25519SeedBin<'_> = seed.as_be_bytes().map_err(|_| ())?;
        let inner = der::octets(&der::octets(seed.as_ref()));
        let algorithm = der::sequence(&[ED25519]);
        Ok(Self::Ed25519(der::sequence(&[&der::integer(&[]), &algorithm, &inner]), pair))
    }

    pub(super) fn generate_rsa(size: KeySize) -> Result<Self, String> {
        let failed = |_| "failed to generate private key: no randomness".to_owned();
        let pair = aws_lc_rs::rsa::KeyPair::generate(size).map_err(failed)?;
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
        Self::from_pkcs8(pkcs8.as_ref())
            .map_err(|error| format!("failed to generate private key: {error}"))
    }

    /// Returns the key as PEM, in the form Go writes for its kind.
    pub(super) fn pem(&self) -> String {
        match self {
            Self::Rsa(der, _) => pem::encode("RSA PRIVATE KEY", der),
            Self::Ec(der, ..) => pem::encode("EC PRIVATE KEY", der),
            Self::Ed25519(der, _) => pem::encode("PRIVATE KEY", der),
            Self::Dsa(der) => pem::encode("DSA PRIVATE KEY", der),
        }
    }

    /// Reads a key from PEM; the error is sprig's text.
    pub(super) fn from_pem(text: &[u8]) -> Result<Self, String> {
        let block = pem::decode(text).ok_or("no PEM data in input")?;
        if block.kind == "PRIVATE KEY" {
            return Self::from_pkcs8(&block.bytes)
                .map_err(|error| format!("decoding PEM as PKCS#8: {error}"));
        }
        match block.kind.strip_suffix(" PRIVATE KEY") {
            Some("RSA") => Self::from_pkcs1(&block.bytes)
                .map_err(|error| format!("parsing RSA private key from PEM: {error}")),
            Some("EC") => Self::from_sec1(&block.bytes, None)
                .map_err(|error| format!("parsing EC private key from PEM: {error}")),
            Some("DSA") => {
                der::check_sequence(&block.bytes, "DSAKeyFormat")
                    .map_err(|error| format!("parsing DSA private key from PEM: {error}"))?;
                Ok(Self::Dsa(block.bytes))
            }
            Some(_) => Err(format!("invalid private key type {}", block.kind)),
            None => Err(format!("no private key data in PEM block of type {}", block.kind)),
        }
    }

    fn from_pkcs8(bytes: &[u8]) -> Result<Self, String> {
        der::check_sequence(bytes, "pkcs8")?;
        let malformed = || "asn1: syntax error: data truncated".to_owned();
        let read = || {
            let (body, _) = der::expect(bytes, 0x30)?;
            let (_, rest) = der::expect(body, 0x02)?;
            let (algorithm, rest) = der::expect(rest, 0x30)?;
            let (inner, _) = der::expect(rest, 0x04)?;
            let (oid, parameters) = der::whole(algorithm)?;
            Some((oid, parameters, inner))
        };
        let (oid, parameters, inner) = read().ok_or_else(malformed)?;
        match oid {
            RSA => Self::from_pkcs1(inner),
            EC_PUBLIC_KEY => Self::from_sec1(inner, der::whole(parameters).map(|(name, _)| name)),
            ED25519 => {
                let (seed, _) = der::expect(inner, 0x04).ok_or_else(malformed)?;
                let pair = Ed25519KeyPair::from_seed_unchecked(seed)
                    .map_err(|_| "x509: invalid Ed25519 private key length".to_owned())?;
                Self::ed25519(pair).map_err(|()| malformed())
            }
            _ => Err("x509: PKCS#8 wrapping contained private key with unknown algorithm".into()),
        }
    }

    fn from_pkcs1(bytes: &[u8]) -> Result<Self, String> {
        der::check_sequence(bytes, "pkcs1PrivateKey")?;
        let pair = RsaKeyPair::from_der(bytes)
            .map_err(|_| "asn1: structure error: not an RSA private key".to_owned())?;
        Ok(Self::Rsa(bytes.to_vec(), Box::new(pair)))
    }

    fn from_sec1(bytes: &[u8], named: Option<&[u8]>) -> Result<Self, String> {
        der::check_sequence(bytes, "ecPrivateKey")
            .map_err(|error| format!("x509: failed to parse EC private key: {error}"))?;
        let read = || {
            let (body, _) = der::expect(bytes, 0x30)?;
            let (_, rest) = der::expect(body, 0x02)?;
            let (secret, rest) = der::expect(rest, 0x04)?;
            let name = match der::expect(rest, 0xa0) {
                Some((name, _)) => Some(name),
                None => named,
            };
            Some((secret, name))
        };
        let (secret, name) = read().ok_or("asn1: structure error: not an EC private key")?;
        let name = name.ok_or("x509: unknown elliptic curve")?;
        let (algorithm, name, _) = curve(name).ok_or("x509: unknown elliptic curve")?;
        let pair = EcdsaKeyPair::from_private_key_der(algorithm, bytes)
            .map_err(|_| "x509: invalid elliptic curve private key value".to_owned())?;
        Ok(Self::Ec(sec1(secret, name, pair.public_key().as_ref()), name, pair))
    }

    /// Returns the `SubjectPublicKeyInfo`.
    pub(super) fn public_key_info(&self) -> Vec<u8> {
        match self {
            Self::Rsa(_, pair) => {
                let algorithm = der::sequence(&[RSA, NULL]);
                der::sequence(&[&algorithm, &der::bits(pair.public_key().as_ref())])
            }
            Self::Ec(_, name, pair) => {
                let algorithm = der::sequence(&[EC_PUBLIC_KEY, name]);
                der::sequence(&[&algorithm, &der::bits(pair.public_key().as_ref())])
            }
            Self::Dsa(_) => Vec::new(),
            Self::Ed25519(_, pair) => {
                let algorithm = der::sequence(&[ED25519]);
                der::sequence(&[&algorithm, &der::bits(pair.public_key().as_ref())])
            }
        }
    }

    /// Returns the `AlgorithmIdentifier` of this key's signatures.
    pub(super) fn signature_algorithm(&self) -> Vec<u8> {
        match self {
            Self::Rsa(..) => der::sequence(&[RSA_SHA256, NULL]),
            Self::Ec(_, name, _) => {
                let last = curve(name).map_or(2, |(_, _, last)| last);
                der::sequence(&[&[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, last]])
            }
            Self::Ed25519(..) => der::sequence(&[ED25519]),
            Self::Dsa(_) => Vec::new(),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let failed = |_| "signing failed".to_owned();
        match self {
            Self::Rsa(_, pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
            Self::Ec(_, _, pair) => {
                Ok(pair.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec())
            }
            Self::Ed25519(_, pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Dsa(_) => {
                Err("x509: certificate private key does not implement crypto.Signer".to_owned())
            }
        }
    }
}

/// The private key with its curve and public key, as Go writes it.
fn sec1(secret: &[u8], curve: &[u8], public: &[u8]) -> Vec<u8> {
    der::sequence(&[
        &der::integer(&[1]),
        &der::octets(secret),
        &der::tagged(0xa0, curve),
        &der::tagged(0xa1, &der::bits(public)),
    ])
}
