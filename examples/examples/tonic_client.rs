//! gRPC with tonic: an interceptor puts the context into the metadata, the server's puts it to use.
//! `cargo run -p todo-otel-examples --example tonic_client`

use todo_otel_runtime::{
    Config, ErrorClass, Role,
    config::Flags,
    propagation::{extract_headers, inject_headers},
    traced,
};
use tonic::{
    Code, Request, Status,
    service::interceptor::InterceptedService,
    transport::{Channel, Server, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// Context out, for every call of a client.
fn inject(mut request: Request<()>) -> Result<Request<()>, Status> {
    let metadata = request.metadata_mut();
    inject_headers("127.0.0.1", |name, value| {
        if let Ok(value) = value.parse() {
            metadata.insert(name, value);
        }
    });
    Ok(request)
}

/// Context in: what an interceptor of the server sees.
fn caller(request: Request<()>) -> Result<Request<()>, Status> {
    let metadata = request.metadata();
    let get = |name| metadata.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>();
    println!("server: called by {:?}", extract_headers(get).and_then(|context| context.traceparent()));
    Ok(request)
}

#[derive(Debug, ErrorClass)]
enum CallError {
    /// An answer, not a failure.
    #[error_class("not_found", expected)]
    NotFound,
    #[error_class("rpc")]
    #[expect(dead_code, reason = "people read it through `Debug`")]
    Failed(Status),
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        if status.code() == Code::NotFound { CallError::NotFound } else { CallError::Failed(status) }
    }
}

#[traced(
    name = "grpc.health.v1.Health/Check", kind = client,
    attributes(rpc.system.name = "grpc", rpc.method = "grpc.health.v1.Health/Check")
)]
async fn check(channel: Channel, service: &str) -> Result<i32, CallError> {
    let request = HealthCheckRequest { service: service.to_owned() };
    Ok(HealthClient::with_interceptor(channel, inject).check(request).await?.into_inner().status)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?;
    let address = incoming.local_addr()?;
    let (_reporter, health) = tonic_health::server::health_reporter();
    let server = Server::builder().add_service(InterceptedService::new(health, caller)).serve_with_incoming(incoming);
    tokio::spawn(server);

    let flags = Flags { trace: true, ..Flags::default() };
    let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Cli).flags(flags).resolve())?;
    let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
    println!("all: {:?}", check(channel.clone(), "").await);
    println!("stock: {:?}", check(channel, "stock").await);
    telemetry.shutdown();
    Ok(())
}
