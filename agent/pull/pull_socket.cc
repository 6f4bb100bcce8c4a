#include "agent/pull/pull_socket.h"
