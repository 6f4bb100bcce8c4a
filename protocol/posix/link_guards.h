#pragma once

#include "protocol/error.h"
#include "protocol/posix/link_socket.h"

/// How sockets are made safe; only for server_socket.cc, client_socket.cc and their tests.
namespace serin::posix::link {

/// The guard that a test takes away, to see that the probe notices.
struct Guards {
  bool enforce_domain = true;
};

/// Sets every option of a ROUTER; before it is bound.
Result<void> configure_server(void* socket, const ServerSocket::Options& options, const Guards& guards);

/// Sets every option of a DEALER; before it dials.
Result<void> configure_client(void* socket, const ClientSocket::Options& options);

/// Binds a socket with these options to a free loopback port and dials it with a random key. No error only when the
/// Gatekeeper refused that key.
Result<void> prove_that_strangers_are_refused(LinkContext& context, const ServerSocket::Options& options,
                                              const Guards& guards);

/// ZMQ_ZAP_ENFORCE_DOMAIN: in this libzmq, but named only in its draft header. Without it a server that has lost its
/// Gatekeeper accepts every key.
inline constexpr int kZapEnforceDomain = 93;

}  // namespace serin::posix::link
