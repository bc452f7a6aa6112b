package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

const (
	lockLook    = 20 * time.Millisecond
	lockWaitMax = 30 * time.Second // for Remove
)

// Lock implements oauth.Locker, among all processes of this host: what holds it is an open file,
// so that one which is killed does not.
func (s TokenStore) Lock(ctx context.Context, resource string) (unlock func(), err error) {
	if err := os.MkdirAll(s.Dir, storeDirMode); err != nil {
		return nil, fmt.Errorf("cannot make a place for the tokens: %w", err)
	}
	f, err := os.OpenFile(s.Path(resource)+".lock", os.O_CREATE|os.O_RDWR, storeFileMode)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the tokens: %w", err)
	}
	tick := time.NewTicker(lockLook)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { _ = f.Close() }, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			_ = f.Close()
			return nil, fmt.Errorf("cannot lock the tokens: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("cannot lock the tokens: %w", ctx.Err())
		}
	}
}
