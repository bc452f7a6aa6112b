package exec_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain: no goroutine is left when providers were closed.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m, runStarts) }

// runStarts is the thread that programs are started on, of which there is one for all time.
var runStarts = goleak.IgnoreTopFunction("github.com/mcploop/mcploop/client/process.runStarts")
