// The addon's functions about files: opening one, its header, its weights, its bytes. All of them work on what
// openFile opened, whatever lies at the path by now.
#pragma once
#include <napi.h>

namespace sparselab::node {

Napi::Value open_file(const Napi::CallbackInfo& info);    // (path or bytes) -> Promise<{ file, table }>
void close_file(const Napi::CallbackInfo& info);          // (file)
Napi::Value read_header(const Napi::CallbackInfo& info);  // (path) -> Promise<table>
Napi::Value device(const Napi::CallbackInfo& info);
Napi::Value open_model(const Napi::CallbackInfo& info);  // (file, options) -> Promise<model>
Napi::Value stamp(const Napi::CallbackInfo& info);       // (model) -> Promise<string>
Napi::Value read_bytes(const Napi::CallbackInfo& info);  // (model, Uint8Array, position) -> Promise<number>

}  // namespace sparselab::node
