#pragma once

#include <optional>
#include <stop_token>

#include "agent/pull/source_choice.h"
#include "protocol/content_messages.h"
#include "protocol/posix/link_socket.h"

namespace serin::pull {

/// A connection to a source.
struct Dialled {
  posix::ClientSocket socket;
  Source source;
};

/// To the source that `sources` names next. Two proxies are both asked for the first byte of `probe`: the one that is
/// ready to serve it first is taken, and the other let go. Proxies that do not answer within 3 s are dropped, and the
/// next ones tried. The controller's socket is given as it is, perhaps still dialling. Blocks; `busy` when `stop` is
/// requested, other errors when the controller cannot be dialled at all.
Result<Dialled> dial_next(posix::LinkContext& context, const posix::CurveKeys& keys, SourceChoice& sources,
                          const GetObject& probe, const std::stop_token& stop);

}  // namespace serin::pull
