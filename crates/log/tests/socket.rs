//! A log over its socket.

use futures::StreamExt as _;
use headroom_log::embedded::{EmbeddedLog, Settings};
use headroom_log::socket::{ServeError, SocketLog, serve};
use headroom_log::{Commit, CommitError, Filter, Log, LogError, contract};
use headroom_model::{Checkpoint, Head, Seq, Service, Through, Timestamp};
use std::future::pending;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Served {
    dir: TempDir,
    client: SocketLog,
    server: JoinHandle<Result<(), ServeError>>,
    stop: oneshot::Sender<()>,
}

impl Served {
    fn path(&self) -> PathBuf {
        self.dir.path().join("log.sock")
    }

    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("there is a place for temporary files");
        let (server, stop) = start(&dir);
        let client = SocketLog::new(&dir.path().join("log.sock"));
        wait(&client).await;
        Self {
            dir,
            client,
            server,
            stop,
        }
    }
}

fn start(dir: &TempDir) -> (JoinHandle<Result<(), ServeError>>, oneshot::Sender<()>) {
    let log = EmbeddedLog::open(&dir.path().join("log"), &Settings::default());
    let log: Arc<dyn Log> = Arc::new(log.expect("a log opens"));
    let path = dir.path().join("log.sock");
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        serve(log, &path, async {
            let _ = stopped.await;
        })
        .await
    });
    (server, stop)
}

async fn wait(client: &SocketLog) {
    for _ in 0..500 {
        if client.bounds().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the socket does not come up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_keeps_the_contract_of_facts() {
    for case in contract::facts() {
        let served = Served::start().await;
        case.run(Arc::new(served.client.clone())).await;
        let _ = served.stop.send(());
        served.server.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_commits() {
    let served = Served::start().await;
    let head = Head {
        service: Service::Planner,
        instance: "test".into(),
        epoch: 1,
        behaviour: 1,
        through: Through::default(),
        commit_id: uuid::Uuid::nil(),
        outputs: 0,
        checkpoint: None,
        released: false,
    };
    let commit = Commit {
        expected: Seq::ZERO,
        head: Some(head),
        outputs: vec![],
    };
    let refused = served.client.commit(commit).await;
    assert!(
        matches!(refused, Err(CommitError::Log(LogError::Refused(_)))),
        "{refused:?}"
    );
    let checkpoint = Checkpoint {
        service: Service::Planner,
        version: 1,
        behaviour: 1,
        through: Seq(1),
        stamp: Timestamp::EPOCH,
        state: vec![],
    };
    let refused = served.client.save_checkpoint(checkpoint).await;
    assert!(matches!(refused, Err(LogError::Refused(_))), "{refused:?}");
    assert_eq!(served.client.head(Service::Planner).await.unwrap(), None);
    assert_eq!(
        served
            .client
            .checkpoint(Service::Planner, Seq(9))
            .await
            .unwrap(),
        None
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_for_its_user_alone_and_goes_with_its_server() {
    let served = Served::start().await;
    let mode = std::fs::metadata(served.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let other: Arc<dyn Log> = Arc::new(headroom_log::memory::MemoryLog::new());
    let second = serve(Arc::clone(&other), &served.path(), pending()).await;
    assert!(matches!(second, Err(ServeError::InUse(_))), "{second:?}");
    served
        .client
        .bounds()
        .await
        .expect("the first one still serves");

    let path = served.path();
    let mut followed = served
        .client
        .follow(Seq(1), Filter::default())
        .await
        .unwrap();
    let _ = served.stop.send(());
    served.server.await.unwrap().unwrap();
    assert!(!path.exists());
    let end = followed.next().await;
    assert!(
        matches!(end, Some(Err(LogError::Unavailable(_)))),
        "{end:?}"
    );
    let gone = served.client.bounds().await;
    assert!(gone.is_err_and(|error| error.to_string().contains("headroom up")));

    std::fs::write(&path, "no socket").unwrap();
    let in_place = serve(other, &path, pending()).await;
    assert!(
        matches!(in_place, Err(ServeError::NotASocket(_))),
        "{in_place:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_a_crash_left_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let (_server, _stop) = start(&dir);
    wait(&SocketLog::new(&path)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stands_still_stops_nobody_else() {
    let served = Served::start().await;
    let still = served
        .client
        .follow(Seq(1), Filter::default())
        .await
        .unwrap();
    // Far more than a socket's buffers hold.
    for part in 0..20 {
        let facts = contract::filler(part * 5000..(part + 1) * 5000);
        served.client.append(facts).await.unwrap();
    }
    let mut other = served.client.read(Seq(1), Filter::default()).await.unwrap();
    let mut count = 0;
    while let Some(chunk) = other.next().await {
        count += chunk.unwrap().len();
    }
    assert_eq!(count, 100_000);
    let read: Vec<_> = still.take(3).collect().await;
    assert!(read.iter().all(Result::is_ok));
}
