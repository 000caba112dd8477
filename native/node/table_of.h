// A checked file header as the JavaScript object of lab/native.ts (FileTable).
#pragma once
#include <napi.h>

#include "weights/open_file.h"

namespace sparselab::node {

Napi::Object table_of(Napi::Env env, const OpenFile& file);

}  // namespace sparselab::node
