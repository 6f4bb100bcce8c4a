#pragma once

#include <string>
#include <vector>

#include "protocol/release.h"
#include "protocol/tree.h"
#include "protocol/wire.h"

/// One fixed value of everything that has golden bytes (tests/golden/README.md), with no field at its default: a field
/// that is forgotten in either direction is seen.
namespace serin::golden {

/// One envelope of each message, in the order of their type numbers.
std::vector<Envelope> messages();

Tree tree();
Release release();
/// Signed by the key whose seed is 32 bytes 's'.
SignedRelease signed_release();
SigningKey signing_key();

}  // namespace serin::golden
