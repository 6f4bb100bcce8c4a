#pragma once

/// Turns structs into msgpack maps (encode_map) and back (decode_map), from one list of their fields:
///   template <class Visit> void fields(Visit& visit, Order& order) { visit("application", order.application); … }
/// declared before this is included. Only for files that write or read such maps: msgpack's headers are heavy. Never
/// throws out of decode_map, whatever the bytes; depth, items and lengths are bounded before anything is allocated.
#include "protocol/wire_decoder.h"
#include "protocol/wire_encoder.h"
