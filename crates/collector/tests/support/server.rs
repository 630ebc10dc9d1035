//! A web server on loopback whose pages are what a test says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A page: status, content type, body.
    Page(u16, &'static str, String),
    /// A redirect.
    Redirect(String),
    /// Nothing, for a long time.
    Hang,
    /// Half of a page, then nothing more: the connection ends.
    Break,
    /// Bytes that are no HTTP.
    Garbage,
    /// A page that never ends.
    Endless,
}

impl Reply {
    pub fn text(body: impl Into<String>) -> Self {
        Self::Page(200, "text/plain; version=0.0.4", body.into())
    }

    pub fn json(body: impl Into<String>) -> Self {
        Self::Page(200, "application/json", body.into())
    }
}

/// A request as it came: the first line and the headers.
pub type Request = String;

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// The server, gone when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers each request as `handler` says.
    pub async fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(None, handler).await
    }

    /// The same over TLS.
    pub async fn start_tls(
        config: ServerConfig,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::serve(Some(TlsAcceptor::from(Arc::new(config))), handler).await
    }

    async fn serve(
        tls: Option<TlsAcceptor>,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::default();
        let handler: Arc<Handler> = Arc::new(handler);
        let task = tokio::spawn(accept(listener, tls, handler, Arc::clone(&requests)));
        Self {
            address,
            requests,
            task,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    handler: Arc<Handler>,
    requests: Arc<Mutex<Vec<Request>>>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, handler, requests) = (tls.clone(), Arc::clone(&handler), Arc::clone(&requests));
        tokio::spawn(async move {
            match tls {
                None => converse(stream, &*handler, &requests).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept::<TcpStream>(stream).await {
                        converse(stream, &*handler, &requests).await;
                    }
                }
            }
        });
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    handler: &Handler,
    requests: &Mutex<Vec<Request>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let request = String::from_utf8(head).unwrap();
    let reply = handler(&request);
    requests.lock().unwrap().push(request);
    // The client may hang up at any time; that is no concern of the server.
    let _ = answer(&mut stream, reply).await;
    let _ = stream.shutdown().await;
}

async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Page(status, kind, body) => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await
        }
        Reply::Redirect(to) => {
            let head = format!("HTTP/1.1 302 X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await
        }
        Reply::Hang => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            Ok(())
        }
        Reply::Break => {
            let head = "HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\nload 5";
            stream.write_all(head.as_bytes()).await
        }
        Reply::Garbage => stream.write_all(b"\x00\xff what is this\r\n\r\n").await,
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 X\r\n\r\n").await?;
            let comment = "#".repeat(65_535) + "\n";
            loop {
                stream.write_all(comment.as_bytes()).await?;
            }
        }
    }
}
