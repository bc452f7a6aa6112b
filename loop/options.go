package loop

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/mcploop/mcploop/pool"
)

// Options of a Group. A zero field means its default.
type Options struct {
	// Loops is the number of loops. Default GOMAXPROCS, range 1..1024.
	Loops int
	// ReadBytes is the size of a loop's read buffer and so the most that one
	// wake-up reads from one conn; also the most a paused conn reads ahead.
	// Default 64 KiB, range 16 KiB..128 KiB.
	ReadBytes int
	// RingSlots bounds the functions that wait in one loop's ring. Default
	// 16384, rounded up to a power of two, range 16..1048576.
	RingSlots int
	// ConnsMax bounds the accepted conns of all loops; one more is reset.
	// Default 15000.
	ConnsMax int
	// CarryMax bounds the bytes of one conn that its handler has not taken.
	// A handler cuts frames below it. Default 4 MiB + 64 KiB.
	CarryMax int
	// DialCarryMax is CarryMax of conns that Dial made. Default CarryMax.
	DialCarryMax int
	// OutboxHigh: with more bytes unsent, reading from that conn stops.
	// Default 256 KiB.
	OutboxHigh int
	// OutboxLow: with fewer bytes unsent, reading goes on. Default 64 KiB.
	OutboxLow int
	// OutboxMax: a Send that would leave more bytes unsent ends the conn with
	// ErrSlowConsumer. One message into an empty outbox may be larger.
	// Default 1 MiB.
	OutboxMax int
	// WriteTimeout bounds the time that the outbox stays above OutboxLow, and
	// the time in which it makes no way at all. Default 10 s.
	WriteTimeout time.Duration
	// Tick is the grain of all deadlines; they fire up to two ticks late,
	// never early. Default 100 ms, range 10 ms..1 s.
	Tick time.Duration
	// Pin locks each loop to a thread and the thread to a CPU. It costs
	// 40-60 us per idle transition: measure before use. Default false.
	Pin bool
	// Backlog of a listening socket. Default 1024.
	Backlog int
	// SharePort lets another process listen on the same TCP port (hand-over
	// between an old and a new server). Default false: that is an error.
	SharePort bool
	// Log gets panics and accept faults. Default slog.Default().
	Log *slog.Logger
	// Buffers lends outboxes their bytes. Default a pool of its own.
	Buffers *pool.Bytes
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

// withDefaults fills zero fields.
func (o Options) withDefaults() Options {
	setDefault(&o.Loops, runtime.GOMAXPROCS(0))
	setDefault(&o.ReadBytes, 64*kib)
	setDefault(&o.RingSlots, 16384)
	setDefault(&o.ConnsMax, 15000)
	setDefault(&o.CarryMax, 4*mib+64*kib)
	setDefault(&o.DialCarryMax, o.CarryMax)
	setDefault(&o.OutboxHigh, 256*kib)
	setDefault(&o.OutboxLow, 64*kib)
	setDefault(&o.OutboxMax, mib)
	setDefault(&o.WriteTimeout, 10*time.Second)
	setDefault(&o.Tick, 100*time.Millisecond)
	setDefault(&o.Backlog, 1024)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Buffers == nil {
		o.Buffers = pool.NewBytes(64 * kib)
	}
	slots := 1
	for slots < o.RingSlots {
		slots <<= 1
	}
	o.RingSlots = slots
	return o
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// validate reports the first field out of range.
func (o Options) validate() error {
	in := func(name string, v, low, high int) error {
		if v < low || v > high {
			return fmt.Errorf("cannot use loop.Options.%s = %d; set it to %d..%d",
				name, v, low, high)
		}
		return nil
	}
	for _, err := range []error{
		in("Loops", o.Loops, 1, 1024),
		in("ReadBytes", o.ReadBytes, 16*kib, rawBytesMax),
		in("RingSlots", o.RingSlots, 16, mib),
		in("ConnsMax", o.ConnsMax, 1, 1<<30),
		in("CarryMax", o.CarryMax, o.ReadBytes, 1<<30),
		in("DialCarryMax", o.DialCarryMax, o.ReadBytes, 1<<31),
		in("OutboxLow", o.OutboxLow, 1, 1<<30),
		in("OutboxHigh", o.OutboxHigh, o.OutboxLow, 1<<30),
		in("OutboxMax", o.OutboxMax, o.OutboxHigh, 1<<30),
		in("Backlog", o.Backlog, 1, 1<<20),
		in("Tick (ms)", int(o.Tick.Milliseconds()), 10, 1000),
		in("WriteTimeout (ms)", int(o.WriteTimeout.Milliseconds()), 1, 1<<30),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}
