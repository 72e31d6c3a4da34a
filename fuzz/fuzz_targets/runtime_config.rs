#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| todo_otel_runtime::fuzz::runtime_config(input));
