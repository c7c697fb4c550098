// A server and its clients, work that keeps processors busy, and memory that is given back.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"time"
)

func main() {
	load, err := strconv.Atoi(os.Getenv("LOAD"))
	if err != nil {
		load = 1
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "served")
	}))
	var clients sync.WaitGroup
	for i := 0; i < 10*load; i++ {
		clients.Add(1)
		go func() {
			defer clients.Done()
			answer, err := http.Get("http://" + listener.Addr().String())
			check(err)
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}()
	}
	clients.Wait()
	if load > 1 {
		stop := time.Now().Add(time.Duration(100*load) * time.Millisecond)
		for i := 0; i < 2*load; i++ {
			go func() {
				for x := 0; ; x++ {
				}
			}()
		}
		var kept [][]byte
		for time.Now().Before(stop) {
			kept = append(kept, make([]byte, 1<<20))
			if len(kept) > 50 {
				kept = nil
				runtime.GC()
			}
			time.Sleep(time.Millisecond)
		}
	}
	for i := 0; i < load; i++ {
		output, err := exec.Command("/bin/echo", "child").Output()
		check(err)
		if string(output) != "child\n" {
			panic(output)
		}
	}
	fmt.Println("done")
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
