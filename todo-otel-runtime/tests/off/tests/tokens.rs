//! Compiled out, an attribute gives back the tokens it got.

macro_rules! twice {
    ($name:ident { $(#[$attribute:meta])* } $($item:tt)*) => {
        #[test]
        fn $name() {
            mod plain {
                #[matrix_attr::text]
                $($item)*
            }
            mod measured {
                #![allow(unused_imports)]
                use todo_otel_runtime::{db_span, red_metrics, traced};
                $(#[$attribute])*
                #[matrix_attr::text]
                $($item)*
            }
            assert_eq!(measured::TEXT, plain::TEXT);
            assert!(plain::TEXT.contains("fn"));
        }
    };
}

twice!(function { #[traced(name = "a", attributes(n = n))] } pub fn f(mut n: u32, (a, b): (u8, u8)) -> Result<u32, String> { n += 1; Ok(n) });
twice!(asynchronous { #[red_metrics(name = "a", in_flight)] } pub(crate) async unsafe fn f<'a, T: Clone>(n: &'a T) -> impl Sized + use<'a, T> { n.clone() });
twice!(all { #[traced] #[red_metrics] #[db_span(system = sqlite)] } #[inline] #[doc = "text"] fn f() -> std::pin::Pin<Box<dyn Future<Output = u32> + Send>> { Box::pin(async { 1 }) });
twice!(constant { #[traced] } const fn f() -> u32 { 1 });
twice!(block { #[traced] #[db_span(system = sqlite)] } impl Store { #[traced(skip)] fn f(&self) {} const N: u32 = 1; });
twice!(wrong { #[traced(nonsense, name = 3)] } fn f() {});

#[test]
fn the_user_s_program_runs() {
    use switched_off::{Error, Source, add};
    assert_eq!(add("abc", &Source::Cli).unwrap(), 3);
    assert!(matches!(add("abc", &Source::Import), Err(Error::Missing)));
}
