#include "agent/report/report_queue.h"
