//! The certificate of the server: the admin console's, or one that it makes for itself.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretString};

use crate::site::write_private;

/// A certificate ready to serve with.
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    /// The first name it is for.
    pub(crate) hostname: Option<String>,
}

/// Reads a certificate and its key, in PEM form.
pub(crate) fn read(cert: &[u8], key: &SecretString) -> Result<Tls> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(cert)
        .collect::<Result<_, _>>()
        .map_err(|error| anyhow!("the certificate is not in PEM form: {error}"))?;
    let first = chain.first().context("there is no certificate in PEM form in it")?;
    let hostname = hostname(first);
    let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes())
        .map_err(|error| anyhow!("the key is not in PEM form: {error}"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS cannot be set up")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the certificate and the key do not fit together")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A client that comes back is spared the costly half of the handshake, and nothing is kept for it.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().context("TLS cannot be set up")?;
    config.send_tls13_tickets = 1;
    Ok(Tls { config: Arc::new(config), hostname })
}

/// The certificate of `folder`, made the first time.
pub(crate) fn self_signed(folder: &Path) -> Result<Tls> {
    let (cert, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    if !cert.exists() || !key.exists() {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        let made =
            rcgen::generate_simple_self_signed(names).context("could not make a certificate")?;
        write_private(&key, made.signing_key.serialize_pem().as_bytes())?;
        write_private(&cert, made.cert.pem().as_bytes())?;
    }
    let key: SecretString = std::fs::read_to_string(&key)?.into();
    let tls = read(&std::fs::read(&cert)?, &key)
        .with_context(|| format!("the certificate in {} cannot be used", folder.display()))?;
    Ok(Tls { hostname: None, ..tls })
}

/// The first name of a certificate that is no address and no pattern.
fn hostname(cert: &CertificateDer<'_>) -> Option<String> {
    let (_, cert) = x509_parser::parse_x509_certificate(cert).ok()?;
    let names = cert.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|it| &it.value.general_names).filter_map(|name| match name {
        x509_parser::extensions::GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    });
    names.into_iter().find(|name| !name.contains('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_names_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        self_signed(folder.path()).expect("a certificate");
        let cert = std::fs::read(folder.path().join("tls.crt")).expect("written");
        self_signed(folder.path()).expect("the same");
        assert_eq!(std::fs::read(folder.path().join("tls.crt")).expect("kept"), cert);

        let names = vec!["*.example.com".to_owned(), "console.example.com".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let key: SecretString = made.signing_key.serialize_pem().into();
        let tls = read(made.cert.pem().as_bytes(), &key).expect("read");
        assert_eq!(tls.hostname.as_deref(), Some("console.example.com"));
    }

    #[test]
    fn a_broken_pair_is_refused() {
        let told = |cert: &str, key: &str| {
            let key: SecretString = key.to_owned().into();
            match read(cert.as_bytes(), &key) {
                Ok(_) => "read".to_owned(),
                Err(error) => error.to_string(),
            }
        };
        let pair =
            |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("made");
        let (one, other) = (pair("one"), pair("other"));
        assert_eq!(told("", ""), "there is no certificate in PEM form in it");
        let key = told(&one.cert.pem(), "");
        assert!(key.starts_with("the key is not in PEM form: "), "{key}");
        let mixed = told(&one.cert.pem(), &other.signing_key.serialize_pem());
        assert_eq!(mixed, "the certificate and the key do not fit together");
    }
}
