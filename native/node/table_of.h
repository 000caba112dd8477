// A checked file header as the JavaScript object of lab/native.ts (FileTable).
#pragma once
#include <napi.h>

#include "gguf/reader.h"

namespace sparselab::node {

Napi::Object table_of(Napi::Env env, const Table& table, const std::string& path, uint64_t file_bytes);

}  // namespace sparselab::node
