#include "controller/state_db.h"
