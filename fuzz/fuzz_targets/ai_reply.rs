#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| todo_app::fuzz::ai_reply(input));
