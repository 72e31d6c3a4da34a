//! An HTTP client: one client span per request, context in its headers, failures with a class of their own.
//! `cargo run -p todo-otel-examples --example reqwest_client`

use axum::{Router, http::HeaderMap, routing::get};
use reqwest::{Client, RequestBuilder, StatusCode};
use todo_otel_runtime::{
    Config, ErrorClass, Role, config::Flags, propagation::inject_headers, red_metrics, set_attribute, traced,
};
use tokio::net::TcpListener;

#[derive(Debug, ErrorClass)]
enum CallError {
    #[error_class("not_found", expected)]
    NotFound,
    #[error_class("status")]
    Status,
    #[error_class("transport", retryable)]
    Transport(reqwest::Error),
}

/// Every request of the program goes through here.
#[traced(name = "GET", kind = client, attributes(http.request.method = "GET", server.address = host))]
#[red_metrics(name = "shop.http.client")]
async fn send(host: &str, request: RequestBuilder) -> Result<String, CallError> {
    let mut headers = HeaderMap::new();
    inject_headers(host, |name, value| {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    });
    let response = request.headers(headers).send().await.map_err(CallError::Transport)?;
    set_attribute("http.response.status_code", &response.status().as_u16());
    match response.status() {
        StatusCode::OK => response.text().await.map_err(CallError::Transport),
        StatusCode::NOT_FOUND => Err(CallError::NotFound),
        _ => Err(CallError::Status),
    }
}

#[traced(name = "shop.restock")]
async fn restock(client: &Client, base: &str) {
    for path in ["stock", "nowhere"] {
        println!("{path}: {:?}", send("127.0.0.1", client.get(format!("{base}/{path}"))).await);
    }
    // Nobody listens on port 1.
    let refused = send("127.0.0.1", client.get("http://127.0.0.1:1/")).await;
    println!("refused: {}", matches!(refused, Err(CallError::Transport(error)) if error.is_connect()));
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let stock = get(|headers: HeaderMap| async move { format!("asked by {:?}", headers.get("traceparent")) });
    tokio::spawn(async { axum::serve(listener, Router::new().route("/stock", stock)).await });

    let flags = Flags { trace: true, ..Flags::default() };
    let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Cli).flags(flags).resolve())?;
    // One TLS provider for reqwest and the exporters.
    let _ = rustls::crypto::ring::default_provider().install_default();
    restock(&Client::builder().no_proxy().build()?, &base).await;
    telemetry.shutdown();
    Ok(())
}
