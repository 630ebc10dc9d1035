//! Whether a child is ready for work.

use super::{pool::Child, start::value};
use crate::{TargetName, template::Template};
use futures::future::{Either, join_all, select};
use hyper::{Request, StatusCode, Uri, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use std::{collections::BTreeSet, error::Error, pin::pin, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use uuid::Uuid;

/// How readiness is found out.
#[derive(Clone, Debug)]
pub(super) enum ReadyCheck {
    /// Whoever lives is ready.
    Alive,
    /// Whoever answers a GET with 200 to 399 in time is ready.
    Http {
        /// The address.
        url: Template,
        /// The time.
        timeout: Duration,
    },
}

impl ReadyCheck {
    /// The check that `text` names; `template` is its parsed form. The error is the mend.
    pub(super) fn new(text: &str, template: Template, timeout: Duration) -> Result<Self, String> {
        if text == "alive" {
            return Ok(Self::Alive);
        }
        let example = template.fill(|word| {
            if word == "port" || word == "index" {
                "1"
            } else {
                "x"
            }
            .to_owned()
        });
        match example.parse::<Uri>() {
            Ok(url) if url.scheme_str() == Some("http") && url.host().is_some() => Ok(Self::Http {
                url: template,
                timeout,
            }),
            _ => Err(format!(
                "ready {text:?} is neither the word alive nor an http:// address; write for instance http://127.0.0.1:{{port}}/ready"
            )),
        }
    }

    /// Whether the placeholder occurs.
    pub(super) fn uses(&self, word: &str) -> bool {
        matches!(self, Self::Http { url, .. } if url.uses(word))
    }

    /// Which of the living `children` are ready, all asked at the same time.
    pub(super) async fn ready(&self, target: &TargetName, children: &[Child]) -> BTreeSet<Uuid> {
        let checks = children.iter().map(|child| async {
            let ready = match self {
                Self::Alive => true,
                Self::Http { url, timeout } => {
                    answers(
                        &url.fill(|word| value(target, child.index, child.port, word)),
                        *timeout,
                    )
                    .await
                }
            };
            ready.then_some(child.id)
        });
        join_all(checks).await.into_iter().flatten().collect()
    }
}

async fn answers(url: &str, limit: Duration) -> bool {
    let status = timeout(limit, get(url)).await;
    matches!(status, Ok(Ok(status)) if status.is_success() || status.is_redirection())
}

/// The status that a GET gives.
async fn get(url: &str) -> Result<StatusCode, Box<dyn Error + Send + Sync>> {
    let url: Uri = url.parse()?;
    let host = url.host().ok_or("no host")?.trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, url.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let request = Request::get(path)
        .header(HOST, authority)
        .body(String::new())?;
    let answer = pin!(sender.send_request(request));
    // The connection moves the bytes, so both are waited for; it may end first, with the answer on its way.
    let answer = match select(answer, pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, answer)) => answer.await,
    };
    Ok(answer?.status())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    /// A server that answers every request with `answer` and closes; the address of it.
    async fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/ready?x=1", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let count = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..count]).to_lowercase();
                assert!(
                    request.starts_with("get /ready?x=1 http/1.1\r\n"),
                    "{request}"
                );
                assert!(request.contains("host: 127.0.0.1:"), "{request}");
                stream.write_all(answer.as_bytes()).await.unwrap();
                if answer.is_empty() {
                    std::future::pending::<()>().await;
                }
            }
        });
        url
    }

    #[tokio::test]
    async fn the_status_says_who_is_ready() {
        let cases = [
            ("ok", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", true),
            ("no length, then closed", "HTTP/1.1 200 OK\r\n\r\nok", true),
            ("an old server", "HTTP/1.0 204 No Content\r\n\r\n", true),
            (
                "redirected",
                "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
                true,
            ),
            (
                "not ready",
                "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
                false,
            ),
            (
                "not found",
                "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
                false,
            ),
            ("not HTTP", "hello\r\n\r\n", false),
        ];
        for (name, answer, want) in cases {
            let url = server(answer).await;
            assert_eq!(answers(&url, Duration::from_secs(10)).await, want, "{name}");
        }
    }

    #[tokio::test]
    async fn silence_and_closed_ports_are_not_ready() {
        let silent = server("").await;
        assert!(!answers(&silent, Duration::from_millis(20)).await);
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            format!("http://{}/", listener.local_addr().unwrap())
        };
        assert!(!answers(&closed, Duration::from_secs(10)).await);
    }

    #[test]
    fn an_address_that_cannot_be_asked_is_refused() {
        let cases = [
            ("alive", true),
            ("http://127.0.0.1:{port}/ready", true),
            ("http://{replica}.local/", true),
            ("https://127.0.0.1:{port}/", false),
            ("127.0.0.1:{port}", false),
            ("http://", false),
            ("Alive", false),
            ("", false),
        ];
        for (text, good) in cases {
            let template = Template::parse(text, &["port", "replica"]).unwrap();
            assert_eq!(
                ReadyCheck::new(text, template, Duration::ZERO).is_ok(),
                good,
                "{text}"
            );
        }
    }
}
