/* How C and JavaScript see each other. */
#ifndef SAPWOOD_WASM_H
#define SAPWOOD_WASM_H

#define WASM_EXPORT(name) __attribute__((export_name(#name)))
#define WASM_IMPORT(name) __attribute__((import_module("sapwood"), import_name(name))) extern

#endif
