//! Thirteen measured futures in each other compile at the default recursion limit, `Send` proof and all.

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
    f1 f2 f2 f3 f3 f4 f4 f5 f5 f6 f6 f7 f7 f8 f8 f9 f9 f10 f10 f11 f11 f12 f12 f13
}

#[traced]
#[red_metrics]
#[db_span(system = sqlite)]
async fn f13(n: u64) -> Result<u64, String> {
    tokio::task::yield_now().await;
    Ok(n)
}

#[tokio::test]
async fn thirteen_deep() {
    assert_eq!(tokio::spawn(f1(1)).await.unwrap(), Ok(13));
}
