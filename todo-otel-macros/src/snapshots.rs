//! What the macros write, as people would read it. One story per shape and per macro.

use quote::quote;

use crate::macros::{self, Which};

#[track_caller]
fn expanded(which: Which, args: &str, item: &str) -> String {
    let tokens = macros::expand(which, args.parse().unwrap(), item.parse().unwrap());
    let file = syn::parse2(quote!(#tokens)).unwrap_or_else(|e| panic!("{e}:\n{tokens}"));
    prettyplease::unparse(&file)
}

macro_rules! snapshots {
    ($($name:ident: $which:ident ($args:expr) $item:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(expanded(Which::$which, $args, $item));
        }
    )*};
}

snapshots! {
    traced_sync: Traced ("") "fn add(title: &str, n: u32) -> Result<u32, Error> { store(title)?; Ok(n) }";
    traced_async: Traced ("") "async fn add(title: &str) -> Result<u32, Error> { store(title).await }";
    traced_unit: Traced ("") "fn tick() { beat() }";
    traced_all_arguments: Traced (r#"
        name = "todo.command.add", kind = server, attributes(todo.id = id, "key with space" = 1, title = len(title)),
        output(todo.count = |v| v.len()), err = auto, expected(Error::NotFound { .. }, Error::Busy), log(level = "debug", exit),
        parent = cx, link = other, detached, keep(error, slow = "500ms"), sample = 0.1, slow = "2s",
        baggage("todo.list" = list), attach, crate = crate::telemetry
    "#) "fn add(id: i64, title: &str, list: &str) -> Result<Vec<u8>, Error> { store(title) }";
    traced_async_with_start: Traced ("root, log") "async fn add(&self, (a, b): (u8, u8)) -> u8 { a + b }";
    traced_never: Traced ("") "fn run() -> ! { loop {} }";
    traced_opaque: Traced ("attributes(n = n)") "fn ids(n: u32) -> impl Iterator<Item = u32> { 0..n }";
    traced_track_caller: Traced ("") "#[track_caller] fn get(a: Option<u32>) -> u32 { a.unwrap() }";
    traced_future: Traced ("") "fn get(a: u32) -> impl Future<Output = u32> + Send { async move { a } }";
    traced_boxed_in_place: Traced ("") "fn get(a: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> { let b = a; Box::pin(async move { b }) }";
    traced_boxed_elsewhere: Traced ("") "fn get(a: u32) -> BoxFuture<'static, u32> { async move { a }.boxed() }";
    traced_stream: Traced ("") "fn all() -> impl Stream<Item = u32> { iter([1]) }";
    traced_alias: Traced ("") "fn call(&mut self, r: Request) -> Self::Future { self.inner.call(r) }";
    red_sync: RedMetrics (r#"name = "todo.command", labels(todo.command = "add")"#) "fn add() -> Result<(), Error> { Ok(()) }";
    red_async: RedMetrics ("") "async fn refresh_all() { tick().await }";
    red_all_arguments: RedMetrics (r#"
        name = "ai.enrichment", labels(provider = self.kind(), duration: model = self.model), buckets(0.1, 1.0, 5.0, 10.0),
        duration = "ai.time", calls = "ai.requests", errors = off, unit = "{request}", in_flight,
        objective(success = 99.5, latency = "5s" @ 95, except(provider = "local"))
    "#) "fn enrich(&self) -> Result<(), Error> { Ok(()) }";
    db_sync: DbSpan (r#"system = sqlite, operation = "INSERT", collection = "todos""#) "fn create(&self) -> Result<(), Error> { Ok(()) }";
    db_async_all_arguments: DbSpan (r#"
        system = postgresql, operation = "SELECT", collection = "todos", namespace = self.schema, query = "SELECT 1",
        name = "db.todo.list", attributes(todo.page = page), output(db.response.returned_rows = |v| v.len()), expected(_)
    "#) "async fn list(&self, page: u32) -> Result<Vec<u8>, Error> { self.rows(page).await }";
    stacked: Traced (r#"name = "db.todo.get""#) r#"
        #[red_metrics(name = "todo.get", labels(found = true))]
        #[todo_otel_runtime::db_span(system = sqlite, operation = "SELECT", collection = "todos")]
        fn get(&self) -> Option<u32> { None }"#;
    block: Traced ("") r#"
        impl Store {
            const LIMIT: u32 = 3;
            pub fn get(&self) -> u32 { 1 }
            #[traced(skip)]
            fn quiet(&self) -> u32 { 2 }
            const fn limit() -> u32 { Self::LIMIT }
            #[traced(name = "store.own")]
            fn own(&self) {}
        }"#;
}

/// Every function pays for its wrapper, so it is counted: what is generated beside the static, the user's own body and the
/// values that were asked for.
#[track_caller]
fn is_thin(which: Which, args: &str, item: &str, body: &str) {
    fn count(tokens: proc_macro2::TokenStream) -> usize {
        let inside = |token| match token {
            proc_macro2::TokenTree::Group(group) => 1 + count(group.stream()),
            _ => 1,
        };
        tokens.into_iter().map(inside).sum()
    }
    let tokens = macros::expand(which, args.parse().unwrap(), item.parse().unwrap());
    let function: syn::ItemFn = syn::parse2(tokens).unwrap();
    let wrapper = function.block.stmts.iter().filter(|s| !matches!(s, syn::Stmt::Item(syn::Item::Static(_))));
    let wrapper: proc_macro2::TokenStream = wrapper.map(|statement| quote!(#statement)).collect();
    let own = count(wrapper.clone()) - count(body.parse().unwrap());
    let file = syn::parse2(quote!(fn wrapper() { #wrapper })).unwrap();
    let lines = prettyplease::unparse(&file).replace("::todo_otel_runtime::__private::", "rt::");
    assert!(own <= MOST_TOKENS, "{own} tokens for {item}:\n{lines}");
}

/// Twelve lines of ten tokens.
const MOST_TOKENS: usize = 120;

#[test]
fn the_wrapper_of_a_function_is_a_dozen_lines_at_most() {
    for which in [Which::Traced, Which::RedMetrics] {
        let body = "store(title)?; Ok(n)";
        is_thin(which, "", &format!("fn add(title: &str, n: u32) -> Result<u32, Error> {{ {body} }}"), body);
        let body = "store(title).await";
        is_thin(which, "", &format!("async fn add(title: &str) -> Result<u32, Error> {{ {body} }}"), body);
        is_thin(which, "", "fn tick() { beat() }", "beat()");
    }
    let all =
        "kind = server, err = auto, log, root, keep(error, slow = \"500ms\"), sample = 0.1, slow = \"2s\", attach";
    is_thin(Which::Traced, all, "fn tick() { beat() }", "beat()");
}
