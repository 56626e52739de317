#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| tidegate_fuzz_targets::limit_message::run(octets));
