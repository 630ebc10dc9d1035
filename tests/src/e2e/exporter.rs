//! Load for the end-to-end tests: a recorded trace, sped up, shown to whoever scrapes it.

use crate::servers::skip;
use anyhow::{Context as _, Result};
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// The values of a recorded trace, in its own unit.
#[derive(Clone, Debug)]
pub struct Trace(Vec<f64>);

impl Trace {
    /// Reads `<name>.csv` from the folder that `HEADROOM_TRACES` names, else from `shared/traces` beside the repository.
    /// Skips and gives `None` when there is no such folder.
    ///
    /// # Errors
    /// When the folder is there and the trace is not, or when it is no trace.
    pub fn read(name: &str) -> Result<Option<Self>> {
        let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces");
        let folder = std::env::var_os("HEADROOM_TRACES").map_or_else(beside, PathBuf::from);
        if !folder.is_dir() {
            skip(&format!(
                "there are no traces in {}; set HEADROOM_TRACES",
                folder.display()
            ));
            return Ok(None);
        }
        let path = folder.join(format!("{name}.csv"));
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("the trace {}", path.display()))?;
        let values = text.lines().skip(1).map(|line| {
            let (_, value) = line
                .split_once(',')
                .with_context(|| format!("no value in {line:?}"))?;
            value
                .parse()
                .with_context(|| format!("no number in {line:?}"))
        });
        values.collect::<Result<_>>().map(Self).map(Some)
    }

    /// The value of a step; beyond the end it begins again.
    fn at(&self, step: usize) -> f64 {
        self.0[step % self.0.len()]
    }
}

impl From<Vec<f64>> for Trace {
    fn from(values: Vec<f64>) -> Self {
        Self(values)
    }
}

/// What is shown now.
#[derive(Debug)]
enum Shown {
    /// A trace from its step `first` on, each step shown for `step`.
    Playing {
        trace: Trace,
        first: usize,
        step: Duration,
        since: Instant,
    },
    Constant(f64),
}

impl Shown {
    fn value(&self) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Playing {
                trace,
                first,
                step,
                since,
            } => {
                let steps = since.elapsed().as_millis() / step.as_millis().max(1);
                trace.at(first + usize::try_from(steps).unwrap_or_default())
            }
        }
    }
}

/// A program to scrape: its metric `load` follows a trace.
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    shown: Arc<Mutex<Shown>>,
    serving: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Begins to show a trace from its step `first` on, each step for `step`.
    ///
    /// # Errors
    /// When no loopback port can be listened on.
    pub fn start(trace: Trace, first: usize, step: Duration) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shown = Arc::new(Mutex::new(Shown::Playing {
            trace,
            first,
            step,
            since: Instant::now(),
        }));
        let held = Arc::downgrade(&shown);
        let serving = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(shown) = held.upgrade() else { break };
                let value = shown.lock().unwrap_or_else(PoisonError::into_inner).value();
                // A client that hangs up gets no page, which is its own affair.
                let _ = stream.and_then(|stream| show(stream, value));
            }
        });
        Ok(Self {
            address,
            shown,
            serving: Some(serving),
        })
    }

    /// Where it is scraped.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows one value from now on.
    pub fn hold(&self, value: f64) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Shown::Constant(value);
    }
}

fn show(mut stream: TcpStream, value: f64) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let _ = stream.read(&mut [0; 4096])?;
    let page = format!("# TYPE load gauge\nload {value}\n");
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{page}",
        page.len()
    )
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.shown = Arc::new(Mutex::new(Shown::Constant(0.0))); // lets go of what the thread looks for
        let _ = TcpStream::connect(self.address);
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}
