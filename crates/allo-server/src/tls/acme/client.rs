//! Requests to those whom the operator names, such as the directory: each by HTTPS on a connection of its own, each with its time and its bound.

use std::{future::Future, io, net::SocketAddr, path::Path, pin::Pin, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Response, Uri,
    body::{Body, Bytes},
    client::conn::http1,
    header::{HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::tls::{TlsError, file};

/// The time for one request, its answer included.
///
/// Lower: a directory that hangs is given up sooner. Higher: slow networks and busy authorities.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer, in bytes. Certificate chains take a few thousand. Beyond: the attempt fails.
const ANSWER_BYTES: usize = 256 * 1024;

/// A request had no answer.
#[derive(Debug, Error)]
pub(crate) enum AskError {
    #[error("not an https URL")]
    Address,
    #[error("cannot resolve")]
    Resolve(#[source] io::Error),
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("cannot speak TLS")]
    Tls(#[source] io::Error),
    #[error("cannot speak HTTP")]
    Http(#[from] hyper::Error),
    #[error("cannot read the answer")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no answer in time")]
    Silent,
}

/// Asks them, and trusts who browsers trust, or whom the operator names.
#[derive(Debug, Clone)]
pub(crate) struct Client(Arc<ClientConfig>);

impl Client {
    /// Makes one that trusts the certificates in `ca` and nobody else, if there is such a file.
    pub(crate) fn new(ca: Option<&Path>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        match ca {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                for certificate in file::read_chain(path)? {
                    roots
                        .add(certificate)
                        .map_err(|source| TlsError::Unusable { path: path.into(), source })?;
                }
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

impl Client {
    /// Sends one request, and reads its answer. Redirections are not followed.
    pub(crate) async fn ask<B>(&self, request: Request<B>) -> Result<Response<Full<Bytes>>, AskError>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let tls = TlsConnector::from(self.0.clone());
        timeout(ASK_TIMEOUT, ask(tls, request)).await.unwrap_or(Err(AskError::Silent))
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move {
            let answer = client.ask(request).await;
            answer.map(BytesResponse::from).map_err(|error| Error::Other(Box::new(error)))
        })
    }
}

async fn ask<B>(tls: TlsConnector, mut request: Request<B>) -> Result<Response<Full<Bytes>>, AskError>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let uri = std::mem::take(request.uri_mut());
    address_to_path(&mut request, &uri).ok_or(AskError::Address)?;
    let is_plain = uri.scheme_str() == Some("http");
    let host = uri.host().ok_or(AskError::Address)?.trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
    let addresses: Vec<SocketAddr> =
        lookup_host((host.as_str(), port)).await.map_err(AskError::Resolve)?.collect();
    if is_plain && !addresses.iter().all(|address| address.ip().is_loopback()) {
        return Err(AskError::Address);
    }
    let stream = TcpStream::connect(addresses.as_slice()).await.map_err(AskError::Connect)?;
    if is_plain {
        return exchange(stream, request).await;
    }
    let name = ServerName::try_from(host).map_err(|_| AskError::Address)?;
    let stream = tls.connect(name, stream).await.map_err(AskError::Tls)?;
    exchange(stream, request).await
}

async fn exchange<S, B>(stream: S, request: Request<B>) -> Result<Response<Full<Bytes>>, AskError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answered = async move {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(AskError::Body)?;
        Ok(Response::from_parts(head, Full::new(body.to_bytes())))
    };
    // The connection ends by itself once its sender is gone. How it ends is of no interest: the answer is there, or says why not.
    let (answer, _ended) = tokio::join!(answered, connection);
    answer
}

/// Writes a request as servers want it: its host in the header, only its path in the first line. `None` for what is neither HTTPS
/// nor, within this machine, HTTP.
fn address_to_path<B>(request: &mut Request<B>, uri: &Uri) -> Option<()> {
    if !matches!(uri.scheme_str(), Some("https" | "http")) {
        return None;
    }
    let host = HeaderValue::from_str(uri.authority()?.as_str()).ok()?;
    request.headers_mut().insert(HOST, host);
    *request.uri_mut() = Uri::from(uri.path_and_query()?.clone());
    Some(())
}
