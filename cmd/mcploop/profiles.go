package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"

	"github.com/spf13/cobra"
)

// profiles are files that say where a run's time went; an empty name is none.
type profiles struct{ cpu, mutex, block string }

const (
	mutexFraction = 10     // one contended unlock of so many is recorded
	blockNanos    = 10_000 // one wait is recorded for so much time spent in waits
)

func (p *profiles) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&p.cpu, "cpuprofile", "", "write a CPU profile of the run to this file: 100 "+
		"samples for each second of CPU time, about 1 % of it")
	flags.StringVar(&p.mutex, "mutexprofile", "", fmt.Sprintf("write to this file where locks "+
		"were waited for: one contended unlock of %d, a stack trace of about 1 us each; nothing "+
		"while locks are free", mutexFraction))
	flags.StringVar(&p.block, "blockprofile", "", fmt.Sprintf("write to this file where "+
		"goroutines waited for locks, channels and each other: one wait for each %d us of "+
		"waiting, a stack trace of about 1 us each; two clock readings for every wait",
		blockNanos/1000))
}

// start begins to record until stop is called, which writes the files.
func (p *profiles) start() (stop func(), err error) {
	var ends []func()
	stop = func() {
		for _, end := range ends {
			end()
		}
	}
	// Files are made now: a name that cannot be written is no surprise for the end of a run.
	create := func(path string) *os.File {
		file, openErr := os.Create(path)
		if openErr != nil {
			err = errors.Join(err, fmt.Errorf("cannot write the profile: %w", openErr))
			return nil
		}
		ends = append(ends, func() { _ = file.Close() })
		return file
	}
	lookup := func(path, name string) {
		if file := create(path); file != nil {
			write := func() { _ = pprof.Lookup(name).WriteTo(file, 0) }
			ends = append([]func(){write}, ends...)
		}
	}
	if p.mutex != "" {
		runtime.SetMutexProfileFraction(mutexFraction)
		lookup(p.mutex, "mutex")
	}
	if p.block != "" {
		runtime.SetBlockProfileRate(blockNanos)
		lookup(p.block, "block")
	}
	if p.cpu != "" {
		if file := create(p.cpu); file != nil {
			if cpuErr := pprof.StartCPUProfile(file); cpuErr != nil {
				err = errors.Join(err, fmt.Errorf("cannot start the profile: %w", cpuErr))
			} else {
				ends = append([]func(){pprof.StopCPUProfile}, ends...)
			}
		}
	}
	if err != nil {
		stop()
	}
	return stop, err
}
