package proc

import (
	"os"
	"testing"
)

func TestDescriptorsAndThreads(t *testing.T) {
	before, err := DescriptorsOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const more = 20
	for range more {
		f, err := os.Open("/dev/null")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	after, err := DescriptorsOf(os.Getpid())
	if err != nil || after != before+more {
		t.Errorf("got %d descriptors after %d, %v, want %d more", after, before, err, more)
	}
	if n, err := ThreadsOf(os.Getpid()); err != nil || n < 1 {
		t.Errorf("got %d threads, %v", n, err)
	}
	if _, err := DescriptorsOf(1 << 30); err == nil {
		t.Error("got descriptors of a process that is not there")
	}
	if _, err := ThreadsOf(1 << 30); err == nil {
		t.Error("got threads of a process that is not there")
	}
}
