package loop

import "errors"

// Sentinels a caller branches on. Closed gets them too, wrapped or bare.
var (
	// ErrClosed is returned by Send on a conn that is closed or finishing.
	ErrClosed = errors.New("loop: conn is closed")
	// ErrSlowConsumer: the peer did not take its replies: the outbox passed
	// Options.OutboxMax, or made no way within Options.WriteTimeout.
	ErrSlowConsumer = errors.New("loop: slow consumer")
	// ErrDeadline: the conn's own deadline (SetDeadline) passed.
	ErrDeadline = errors.New("loop: deadline passed")
	// ErrDialTimeout: the connect was not answered in time.
	ErrDialTimeout = errors.New("loop: dial timed out")
	// ErrCarryFull: Options.CarryMax bytes waited and the handler took none.
	ErrCarryFull = errors.New("loop: carry is full")
	// ErrPanic: a callback of the handler panicked; the stack was logged.
	ErrPanic = errors.New("loop: handler panicked")
	// ErrDraining: the group drains, or its drain ended the conn.
	ErrDraining = errors.New("loop: draining")
	// ErrFull is returned by Post when the loop's ring is full.
	ErrFull = errors.New("loop: ring is full")
	// ErrStopped is returned by Post when the loop has ended.
	ErrStopped = errors.New("loop: stopped")
)
