package process_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client/process"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// TestMain plays another program when it is asked to.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "play" {
		play(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// playing is the command line that has this binary play a role.
func playing(role string) []string { return []string{"/proc/self/exe", "play", role} }

// moreRoles are those of tests that need a machine of their own; nil elsewhere.
var moreRoles func(string)

func play(role string) {
	if moreRoles != nil {
		moreRoles(role)
	}
	switch role {
	case "keeper":
		process.Keep(os.Stdin)
	case "owner": // of a parent, which tells its family on our standard output
		k := process.NewKeeper(playing("keeper"), slog.Default())
		_, err := process.Start(process.Spec{
			Command: playing("parent"), Stdout: os.Stdout, Keeper: k,
		})
		if err != nil {
			panic(err)
		}
		<-time.After(10 * patience)
	case "parent": // has a child in its group, and one that has left it
		near := exec.Command(playing("stubborn")[0], playing("stubborn")[1:]...)
		far := exec.Command(playing("daemon")[0], playing("daemon")[1:]...)
		far.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		pipe, err := far.StdoutPipe()
		if err != nil || near.Start() != nil || far.Start() != nil {
			panic(err)
		}
		text, _ := bufio.NewReader(pipe).ReadString('\n')
		fmt.Println(os.Getpid(), near.Process.Pid, far.Process.Pid, strings.TrimSpace(text))
		playStubborn()
	case "daemon": // and a child of it, in a session of its own too
		child := exec.Command(playing("stubborn")[0], playing("stubborn")[1:]...)
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		child.Stderr = os.Stderr
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Println(child.Process.Pid)
		playStubborn()
	case "stubborn":
		playStubborn()
	case "regroups":
		regroup()
	case "quits": // has a child in a session of its own, which outlives it
		child := exec.Command(playing("stubborn")[0], playing("stubborn")[1:]...)
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		child.Stderr = os.Stderr
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Println(child.Process.Pid)
	}
}

// regroup leaves the process group that it leads for that of a child.
func regroup() {
	child := exec.Command(playing("stubborn")[0], playing("stubborn")[1:]...)
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := child.Start(); err != nil {
		panic(err)
	}
	if err := syscall.Setpgid(0, child.Process.Pid); err != nil {
		panic(err)
	}
	fmt.Println(child.Process.Pid)
	playStubborn()
}

// playStubborn ends by SIGKILL, or when the test has long ended.
func playStubborn() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	<-time.After(10 * patience)
}

// alive tells whether a process runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// numbers reads a line of process numbers.
func numbers(t *testing.T, in io.Reader) (pids []int) {
	t.Helper()
	text, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(text) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited for nothing: %s", what)
		}
	}
}

// started runs a program whose standard output is read from the file.
func started(t *testing.T, s process.Spec) (*process.Process, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	s.Stdout = w
	p, err := process.Start(s)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return p, r
}
