//! A TCP proxy that can swallow answers and cut connections, to lose acks on purpose.

use anyhow::Result;
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// What happens to what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything passes.
    Open,
    /// What clients send passes; answers are swallowed.
    SwallowAnswers,
    /// Connections are cut, and new ones refused.
    Cut,
}

/// A proxy on a loopback port, in front of another one.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    mode: Arc<watch::Sender<Mode>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts one in front of `target`, open.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(target: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let mode = Arc::new(watch::Sender::new(Mode::Open));
        let modes = Arc::clone(&mode);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *modes.borrow() == Mode::Cut {
                    continue;
                }
                if let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await {
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::spawn(pass(from_client, to_server, false, modes.subscribe()));
                    tokio::spawn(pass(from_server, to_client, true, modes.subscribe()));
                }
            }
        });
        Ok(Self { port, mode, task })
    }

    /// Where NATS clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Changes what happens, to connections that are there too.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Mode::Cut);
        self.task.abort();
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    answers: bool,
    mut modes: watch::Receiver<Mode>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            changed = modes.changed() => match changed {
                Ok(()) if *modes.borrow() != Mode::Cut => continue,
                _ => return,
            },
        };
        let Ok(count @ 1..) = read else { return };
        let swallowed = answers && *modes.borrow() == Mode::SwallowAnswers;
        if !swallowed && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
