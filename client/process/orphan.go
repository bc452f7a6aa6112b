package process

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// orphans waits for processes that became this one's children when their own parent ended, so that
// no zombie is left. A program of Start is left to its Wait. Another child that somebody here has
// started is left to whoever waits for it: he does so at once, so that one which stays a zombie is
// nobody's.
type orphans struct {
	signals chan os.Signal
	ended   sync.WaitGroup
	seen    map[int]uint64 // zombies of the last look: when they began
}

// programs are the numbers of those of Start until their Wait has returned: on a busy machine that
// may come late, and how they ended is for it alone.
var programs sync.Map

func isProgram(pid int) bool {
	_, is := programs.Load(pid)
	return is
}

// orphanWait is the time between two looks, and how long a zombie has been one when it is reaped.
const orphanWait = time.Second

func reapOrphans() *orphans {
	o := &orphans{signals: make(chan os.Signal, 1), seen: map[int]uint64{}}
	signal.Notify(o.signals, syscall.SIGCHLD)
	o.ended.Go(o.run)
	return o
}

func (o *orphans) stop() {
	signal.Stop(o.signals)
	close(o.signals)
	o.ended.Wait()
}

// run looks a while after a child has ended, and again as long as there are zombies.
func (o *orphans) run() {
	for range o.signals {
		for again := true; again; again = len(o.seen) > 0 {
			if !o.pause() {
				return
			}
			o.look()
		}
	}
}

// pause reports whether stop has not been called.
func (o *orphans) pause() bool {
	t := time.NewTimer(orphanWait)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return true
		case _, open := <-o.signals:
			if !open {
				return false
			}
		}
	}
}

// look reaps the zombies that it saw before.
func (o *orphans) look() {
	last, own := o.seen, os.Getpid()
	o.seen = map[int]uint64{}
	eachProcess(func(s stat) {
		switch {
		case s.state != 'Z' || s.parent != own || isProgram(s.pid):
		case last[s.pid] == s.began:
			_, _ = syscall.Wait4(s.pid, nil, syscall.WNOHANG, nil)
		default:
			o.seen[s.pid] = s.began
		}
	})
}
