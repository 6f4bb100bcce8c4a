#pragma once

#include <functional>
#include <string_view>

#include "protocol/error.h"

namespace serin::count {

/// Reads a log once, from where its descriptor stands to its end: a file, or a pipe. `take` gets the bytes piece by
/// piece, each valid during the call, and ends the reading with false. Holes are passed as FollowedFile does, without
/// reading: `hole` is called for each that has something behind it, and the NULs around it are nobody's. Fails with the
/// system's words.
Result<void> read_log(int fd, const std::function<bool(std::string_view)>& take, const std::function<void()>& hole);

}  // namespace serin::count
