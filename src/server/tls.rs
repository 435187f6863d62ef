//! The certificate and the key of the server. They are read again when they change; a bad new pair changes nothing.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, ServerConfig};

use super::protocols::PROTOCOLS;
use super::validity::Validity;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(30);
/// The most bytes of a file.
const LARGEST: u64 = 1024 * 1024;
/// Everybody may read or write it.
const OTHERS: u32 = 0o007;

/// The files of a certificate chain and its private key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {}: {why}", .file.display())]
    Unreadable { file: PathBuf, why: io::Error },
    #[error("{} has no {what} in PEM; look at the file", .file.display())]
    NotPem { file: PathBuf, what: &'static str },
    #[error("{} can be read by everybody; run: chmod 600 {}", .file.display(), .file.display())]
    OpenKey { file: PathBuf },
    #[error(
        "the key {} does not belong to the certificate {}; renew both together",
        .files.key.display(), .files.certificate.display()
    )]
    Mismatch { files: TlsFiles },
    #[error("the certificate {} or its key cannot be used: {why}", .files.certificate.display())]
    Unusable { files: TlsFiles, why: Error },
    #[error("the certificate {} {why}; renew it", .file.display())]
    OutOfTime { file: PathBuf, why: String },
}

/// A state of a file, to see a change, also one of its mode.
type PemState = (i64, i64, i64, i64, u64, u64);

/// The pair in use.
pub struct Certificates {
    files: TlsFiles,
    current: RwLock<Arc<CertifiedKey>>,
    /// The states of the files when they were last read.
    seen: Mutex<Vec<Option<PemState>>>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the files and checks that the key belongs to the certificate.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn load(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let seen = Mutex::new(states(&files));
        let current = RwLock::new(Arc::new(read(&files)?));
        Ok(Arc::new(Self { files, current, seen }))
    }

    /// Takes the files if they have changed. True if a new pair is in use.
    ///
    /// # Errors
    /// When the new pair cannot be used. The old one stays in use.
    pub fn renew(&self) -> Result<bool, TlsError> {
        let states = states(&self.files);
        let mut seen = self.seen.lock().expect("no code panics with the states");
        if *seen == states {
            return Ok(false);
        }
        // What could not be read is read again at the next look: the cause may lie outside of the files.
        seen.clear();
        let new = Arc::new(read(&self.files)?);
        in_time(&new, &self.files)?;
        *seen = states;
        *self.current.write().expect("no code panics with the pair") = new;
        Ok(true)
    }

    /// Takes the files whether they have changed or not.
    fn reload(&self) -> Result<bool, TlsError> {
        self.seen.lock().expect("no code panics with the states").clear();
        self.renew()
    }

    /// Whether the certificate in use is valid now.
    ///
    /// # Errors
    /// When it has expired or is not valid yet.
    pub fn in_time(&self) -> Result<(), TlsError> {
        in_time(&self.pair(), &self.files)
    }

    /// Looks for a new pair now and then, and when the process gets SIGHUP. Tells `say` what is wrong with the
    /// certificate when that changes, or `None` when nothing is any more.
    pub async fn watch(self: Arc<Self>, say: impl Fn(Option<String>)) {
        let mut hangup = signal(SignalKind::hangup()).ok();
        let mut told = None;
        let mut is_asked = false;
        loop {
            let all = self.clone();
            let Ok(wrong) = tokio::task::spawn_blocking(move || all.look(is_asked)).await else {
                return;
            };
            if wrong != told || is_asked {
                if let Some(wrong) = &wrong {
                    tracing::error!("{wrong}");
                }
                say(wrong.clone());
                told = wrong;
            }
            let asked = async {
                match &mut hangup {
                    Some(hangup) => drop(hangup.recv().await),
                    None => std::future::pending().await,
                }
            };
            is_asked = tokio::select! {
                () = asked => true,
                () = tokio::time::sleep(LOOK) => false,
            };
        }
    }

    /// Takes a new pair, and says what is wrong with the new one or the one in use.
    fn look(&self, is_asked: bool) -> Option<String> {
        match if is_asked { self.reload() } else { self.renew() } {
            Err(why) => return Some(format!("the new certificate is not used: {why}")),
            Ok(true) => tracing::info!("a new certificate is in use"),
            Ok(false) => {}
        }
        self.in_time().err().map(|why| why.to_string())
    }

    /// Whether the certificate is valid for this name.
    pub(super) fn are_for(&self, name: &str) -> bool {
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let Ok(name) = ServerName::try_from(name) else { return false };
        let pair = self.pair();
        let parsed = pair.cert.first().map(ParsedCertificate::try_from);
        parsed.and_then(Result::ok).is_some_and(|cert| verify_server_name(&cert, &name).is_ok())
    }

    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, Error> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Resolver(self.clone())));
        let mut config = config;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn pair(&self) -> Arc<CertifiedKey> {
        self.current.read().expect("no code panics with the pair").clone()
    }
}

#[derive(Debug)]
struct Resolver(Arc<Certificates>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.pair())
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn in_time(pair: &CertifiedKey, files: &TlsFiles) -> Result<(), TlsError> {
    let validity = pair.cert.first().and_then(|first| Validity::of(first));
    let refusal = validity.and_then(|validity| validity.refusal(SystemTime::now().into()));
    refusal.map_or(Ok(()), |why| Err(TlsError::OutOfTime { file: files.certificate.clone(), why }))
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let not_pem = |file: &Path, what| TlsError::NotPem { file: file.to_owned(), what };
    let text = read_file(&files.certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| not_pem(&files.certificate, "certificate"))?;
    let found = fs::metadata(&files.key);
    if found.is_ok_and(|found| found.mode() & OTHERS != 0) {
        return Err(TlsError::OpenKey { file: files.key.clone() });
    }
    let key = PrivateKeyDer::from_pem_slice(&read_file(&files.key)?);
    let key = key.map_err(|_| not_pem(&files.key, "private key"))?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|why| match why {
        Error::InconsistentKeys(_) => TlsError::Mismatch { files: files.clone() },
        why => TlsError::Unusable { files: files.clone(), why },
    })
}

fn read_file(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |why| TlsError::Unreadable { file: path.to_owned(), why };
    let length = fs::metadata(path).map_err(unreadable)?.len();
    if length > LARGEST {
        return Err(unreadable(io::Error::other("it is larger than 1 MiB")));
    }
    fs::read(path).map_err(unreadable)
}

fn states(files: &TlsFiles) -> Vec<Option<PemState>> {
    let state = |path: &PathBuf| {
        let found = fs::metadata(path).ok()?;
        let (changed, changed_nsec) = (found.ctime(), found.ctime_nsec());
        let (written, written_nsec) = (found.mtime(), found.mtime_nsec());
        Some((changed, changed_nsec, written, written_nsec, found.len(), found.ino()))
    };
    [&files.certificate, &files.key].into_iter().map(state).collect()
}
