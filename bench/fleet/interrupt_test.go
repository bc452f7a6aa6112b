package fleet

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// interrupted is a context that ends when the process is told to end.
func interrupted() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}
