//! A tower layer: a span and RED metrics round any HTTP service, without touching its handlers.
//! `cargo run -p todo-otel-examples --example tower_layer`

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response, StatusCode};
use todo_otel_runtime::{
    Config, Role, config::Flags, propagation::extract_headers, red_metrics, set_attribute, traced,
};
use tower::{BoxError, Layer, Service, ServiceExt};

#[derive(Clone, Copy)]
struct Telemetry;

#[derive(Clone)]
struct Instrumented<S>(S);

impl<S> Layer<S> for Telemetry {
    type Service = Instrumented<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Instrumented(inner)
    }
}

impl<S, A, B> Service<Request<A>> for Instrumented<S>
where
    S: Service<Request<A>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    // The boxed future is measured to its end, not the call that makes it.
    #[traced(
        name = "http.server.request", kind = server,
        parent = extract_headers(|name| request.headers().get_all(name).iter().filter_map(|v| v.to_str().ok()).collect::<Vec<_>>()),
        attributes(http.request.method = request.method().as_str(), url.path = request.uri().path())
    )]
    #[red_metrics(name = "http.server.request", in_flight)]
    fn call(&mut self, request: Request<A>) -> Self::Future {
        let response = self.0.call(request);
        Box::pin(async move {
            let response = response.await?;
            set_attribute("http.response.status_code", &response.status().as_u16());
            Ok(response)
        })
    }
}

async fn hello(request: Request<()>) -> Result<Response<String>, BoxError> {
    match request.uri().path() {
        "/hello" => Ok(Response::new("hello".to_owned())),
        "/broken" => Err("the backend is gone".into()),
        _ => Ok(Response::builder().status(StatusCode::NOT_FOUND).body(String::new())?),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags { trace: true, ..Flags::default() };
    let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Cli).flags(flags).resolve())?;
    let mut service = Telemetry.layer(tower::service_fn(hello));
    for path in ["/hello", "/nowhere", "/broken"] {
        let answer = service.ready().await.map_err(|error| error.to_string())?.call(Request::get(path).body(())?).await;
        println!("{path}: {:?}", answer.map(|response| response.status()).map_err(|error| error.to_string()));
    }
    telemetry.shutdown();
    Ok(())
}
