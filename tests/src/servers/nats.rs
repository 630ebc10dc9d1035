//! Real NATS servers: one alone, or a cluster of three.

use super::{Process, free_port, http_get, until, wanted};
use anyhow::{Context as _, Result};
use headroom_log::nats::Settings;
use serde_json::Value;
use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};
use tempfile::TempDir;

/// A nats-server that can be stopped and started again on the same port and folder.
#[derive(Debug)]
pub struct Node {
    program: PathBuf,
    /// Its name in the cluster.
    pub name: String,
    port: u16,
    monitor: u16,
    process: Option<Process>,
    folder: Arc<TempDir>,
}

impl Node {
    fn new(program: &Path, name: &str, folder: &Arc<TempDir>) -> Self {
        Self {
            program: program.to_owned(),
            name: name.to_owned(),
            port: free_port(),
            monitor: free_port(),
            process: None,
            folder: Arc::clone(folder),
        }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.path().join(format!("{}{ending}", self.name))
    }

    /// Writes the configuration: addresses and JetStream, then `more`.
    fn configure(&self, more: &str) -> Result<()> {
        let text = format!(
            "server_name: {}\nlisten: 127.0.0.1:{}\nhttp: 127.0.0.1:{}\n\
             jetstream {{ store_dir: {:?}, max_mem: 256M, max_file: 4G }}\n{more}\n",
            self.name,
            self.port,
            self.monitor,
            self.path(".js"),
        );
        std::fs::write(self.path(".conf"), text).context("writing a server's configuration")
    }

    fn launch(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.path(".conf"));
        self.process = Some(Process::start(
            &self.name,
            &mut command,
            &self.path(".log"),
        )?);
        Ok(())
    }

    fn wait_ready(&mut self) -> Result<()> {
        let (port, monitor) = (self.port, self.monitor);
        let process = self.process.as_mut().context("the server is not running")?;
        process.ready(|| {
            http_get(monitor, "/healthz")?;
            TcpStream::connect(("127.0.0.1", port)).ok()
        })?;
        Ok(())
    }

    /// Waits until it takes connections, which it does before it knows its cluster.
    fn wait_listening(&mut self) -> Result<()> {
        let port = self.port;
        let process = self.process.as_mut().context("the server is not running")?;
        process.ready(|| TcpStream::connect(("127.0.0.1", port)).ok())?;
        Ok(())
    }

    /// Starts it, after [`Node::kill`] or [`Node::stop`], and waits until it is healthy.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(&mut self) -> Result<()> {
        self.launch()?;
        self.wait_ready()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop(),
            None => Ok(()),
        }
    }

    /// Its process while it runs.
    #[must_use]
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Where clients connect.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// An answer of the monitoring port; `None` when there is none.
    #[must_use]
    pub fn monitor(&self, path: &str) -> Option<Value> {
        serde_json::from_str(&http_get(self.monitor, path)?).ok()
    }
}

/// One server alone. `more` goes into its configuration: accounts, users, TLS. `None` when nats-server is not installed.
///
/// # Errors
/// When it does not come up.
pub fn single(more: &str) -> Result<Option<Node>> {
    single_of("nats-server", more)
}

/// [`single`] with another program, such as `nats-server-old`.
///
/// # Errors
/// When it does not come up.
pub fn single_of(program: &str, more: &str) -> Result<Option<Node>> {
    let Some(program) = wanted(program) else {
        return Ok(None);
    };
    let folder = Arc::new(tempfile::tempdir()?);
    let mut node = Node::new(&program, "alone", &folder);
    node.configure(more)?;
    node.start()?;
    Ok(Some(node))
}

/// A cluster of three.
#[derive(Debug)]
pub struct Cluster {
    /// Its servers.
    pub nodes: Vec<Node>,
}

impl Cluster {
    /// Starts three servers that form a cluster, with `more` in each configuration. `None` when nats-server is not
    /// installed.
    ///
    /// # Errors
    /// When they do not come up.
    pub fn start(more: &str) -> Result<Option<Self>> {
        let Some(program) = wanted("nats-server") else {
            return Ok(None);
        };
        let folder = Arc::new(tempfile::tempdir()?);
        let routes: Vec<_> = (0..3).map(|_| free_port()).collect();
        let peers: Vec<_> = routes
            .iter()
            .map(|port| format!("\"nats://127.0.0.1:{port}\""))
            .collect();
        let mut nodes = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            let mut node = Node::new(&program, &format!("n{number}"), &folder);
            node.configure(&format!(
                "cluster {{ name: tests, listen: 127.0.0.1:{route}, routes: [{}] }}\n{more}",
                peers.join(", ")
            ))?;
            node.launch()?;
            nodes.push(node);
        }
        let mut cluster = Self { nodes };
        // The first leader needs the votes of all three, so one that ended at once is told before any is waited for.
        for node in &mut cluster.nodes {
            node.wait_listening()?;
        }
        for node in &mut cluster.nodes {
            node.wait_ready()?;
        }
        cluster.wait_for_meta_leader()?;
        Ok(Some(cluster))
    }

    /// Waits until a leader sees both of the others there: before that, it cannot place a stream on all three.
    fn wait_for_meta_leader(&self) -> Result<()> {
        let is_there = |replica: &Value| replica["current"] == true && replica["offline"] != true;
        let leads = |node: &&Node| {
            let Some(view) = node.monitor("/jsz") else {
                return false;
            };
            let meta = &view["meta_cluster"];
            let replicas = meta["replicas"].as_array();
            meta["leader"] == node.name.as_str()
                && replicas.is_some_and(|all| all.len() == 2 && all.iter().all(is_there))
        };
        until("a meta leader with two current followers", || {
            self.nodes.iter().find(leads)
        })
        .map(drop)
    }

    /// Where clients connect.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Node::url).collect()
    }

    /// The number of the node that leads a stream, once one does.
    ///
    /// # Errors
    /// When none does for long.
    pub fn leader(&self, stream: &str) -> Result<usize> {
        until("a leader of the stream", || {
            self.nodes.iter().enumerate().find_map(|(number, node)| {
                node.process.as_ref()?;
                let view = node.monitor("/jsz?streams=true")?;
                let accounts = view["account_details"].as_array()?.clone();
                let streams = accounts
                    .iter()
                    .filter_map(|account| account["stream_detail"].as_array())
                    .flatten();
                let leads = streams
                    .filter(|found| found["name"] == stream)
                    .any(|found| {
                        found.pointer("/cluster/leader") == Some(&node.name.clone().into())
                    });
                leads.then_some(number)
            })
        })
    }
}

/// Settings that reach these servers, with short time-outs.
#[must_use]
pub fn settings(urls: Vec<String>, replicas: usize) -> Settings {
    Settings {
        urls,
        replicas,
        request_timeout_ms: 3000,
        ..Settings::default()
    }
}
