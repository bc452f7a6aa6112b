//go:build long

package loop

import "testing"

func TestChurnLong(t *testing.T) { churn(t, 100_000) }
