//! Freezes a bundle into the component's memory image.
//!
//! `tidegate bake` calls the export below once, at build time, and writes the
//! memory that it leaves behind into a new component, which then reads and
//! decodes nothing when an instance starts. Nothing here may touch a clock,
//! random numbers or any other import: there is no host behind them, and what
//! they gave would be frozen too.

use crate::policy;

#[expect(unsafe_code, reason = "generated bindings")]
mod export {
    spin_sdk::wit_bindgen::generate!({
        inline: "
            package tidegate:gateway;

            world bakeable {
                /// Loads `bundle`, which a key in `trust` must have signed.
                export bake: func(bundle: list<u8>, trust: string) -> result<_, string>;
            }
        ",
        runtime_path: "spin_sdk::wit_bindgen::rt",
    });

    pub(super) struct Baker;
    export!(Baker);
}

impl export::Guest for export::Baker {
    fn bake(bundle: Vec<u8>, trust: String) -> Result<(), String> {
        policy::freeze(&bundle, &trust).map_err(|error| error.to_string())
    }
}
