package rest_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain: no goroutine is left when providers were closed.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
