#pragma once

#include <string>

namespace serin::evidence {

/// A certificate and its private key, as PEM.
struct Certificate {
  std::string certificate, key;
};

/// A new authority of its own.
Certificate make_authority(const std::string& name);
/// A server's at this address ("127.0.0.1"), or of this name, signed by `authority`; good from yesterday until `days`
/// from now, which may lie in the past.
Certificate make_certificate(const Certificate& authority, const std::string& subject, int days = 1);

}  // namespace serin::evidence
