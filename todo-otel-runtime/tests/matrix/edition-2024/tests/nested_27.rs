//! Twenty-seven measured futures in each other compile at a recursion limit of 256.

#![recursion_limit = "256"]

use todo_otel_runtime::{db_span, red_metrics, traced};

macro_rules! each_awaits_the_next {
    ($($function:ident $next:ident)*) => {$(
        #[traced]
        #[red_metrics]
        #[db_span(system = sqlite)]
        async fn $function(n: u64) -> Result<u64, String> {
            Ok($next(n).await? + 1)
        }
    )*};
}

each_awaits_the_next! {
    f1 f2 f2 f3 f3 f4 f4 f5 f5 f6 f6 f7 f7 f8 f8 f9 f9 f10 f10 f11 f11 f12 f12 f13 f13 f14 f14 f15
    f15 f16 f16 f17 f17 f18 f18 f19 f19 f20 f20 f21 f21 f22 f22 f23 f23 f24 f24 f25 f25 f26 f26 f27
}

#[traced]
#[red_metrics]
#[db_span(system = sqlite)]
async fn f27(n: u64) -> Result<u64, String> {
    tokio::task::yield_now().await;
    Ok(n)
}

#[tokio::test]
async fn twenty_seven_deep() {
    assert_eq!(tokio::spawn(f1(1)).await.unwrap(), Ok(27));
}
