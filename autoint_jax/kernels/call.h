// A call of a kernel by XLA: its arguments, results, attributes and threads, read from XLA's C interface. XLA's own C++ interface
// reads the same, but its templates take longer to compile than all kernels.

#ifndef AUTOINT_JAX_KERNELS_CALL_H_
#define AUTOINT_JAX_KERNELS_CALL_H_

#include <cstdint>
#include <cstring>

#include "xla/ffi/api/c_api.h"

namespace autoint {

// An array of XLA: its values in row-major order, and its shape.
template <typename T>
struct Array {
  T* data;
  const int64_t* shape;
};
using Floats = Array<float>;
using Integers = Array<int32_t>;
using Words = Array<uint32_t>;

// The threads that XLA gives to its own operations.
class Threads {
 public:
  explicit Threads(const XLA_FFI_CallFrame* frame) : api_(frame->api), context_(frame->ctx) {}

  long count() const {
    int64_t count = 0;
    XLA_FFI_ThreadPool_NumThreads_Args query = {XLA_FFI_ThreadPool_NumThreads_Args_STRUCT_SIZE, nullptr, context_, &count};
    return failed(api_->XLA_FFI_ThreadPool_NumThreads(&query)) ? 0 : count;
  }

  // Runs a copy of `work` on one of the threads, or at once if they take no work.
  template <typename Work>
  void run(const Work& work) const {
    XLA_FFI_Task* task = [](void* copy) {
      (*static_cast<Work*>(copy))();
      delete static_cast<Work*>(copy);
    };
    void* copy = new Work(work);
    XLA_FFI_ThreadPool_Schedule_Args order = {XLA_FFI_ThreadPool_Schedule_Args_STRUCT_SIZE, nullptr, context_, task, copy};
    if (failed(api_->XLA_FFI_ThreadPool_Schedule(&order))) task(copy);
  }

 private:
  bool failed(XLA_FFI_Error* error) const {
    if (!error) return false;
    XLA_FFI_Error_Destroy_Args destroyed = {XLA_FFI_Error_Destroy_Args_STRUCT_SIZE, nullptr, error};
    api_->XLA_FFI_Error_Destroy(&destroyed);
    return true;
  }

  const XLA_FFI_Api* api_;
  XLA_FFI_ExecutionContext* context_;
};

// Reads the values of a call: first the arguments, in order, then the results, and attributes by name. If one is missing or
// has another type, `wrong` is set, and the values must not be used.
class Call {
 public:
  const Threads threads;
  bool wrong = false;

  explicit Call(const XLA_FFI_CallFrame* frame) : threads(frame), frame_(frame) {}

  Floats floats() { return array<float>(XLA_FFI_DataType_F32, frame_->args.args, frame_->args.size, &argument_); }
  Integers integers() { return array<int32_t>(XLA_FFI_DataType_S32, frame_->args.args, frame_->args.size, &argument_); }
  Words words() { return array<uint32_t>(XLA_FFI_DataType_U32, frame_->args.args, frame_->args.size, &argument_); }
  Floats floats_out() { return array<float>(XLA_FFI_DataType_F32, frame_->rets.rets, frame_->rets.size, &result_); }
  Integers integers_out() { return array<int32_t>(XLA_FFI_DataType_S32, frame_->rets.rets, frame_->rets.size, &result_); }
  bool has_more_results() const { return result_ < frame_->rets.size; }
  bool complete() const { return !wrong && argument_ == frame_->args.size && result_ == frame_->rets.size; }

  float real(const char* name) { return attribute<float>(name, XLA_FFI_DataType_F32); }
  int64_t whole(const char* name) { return attribute<int64_t>(name, XLA_FFI_DataType_S64); }
  bool flag(const char* name) { return attribute<bool>(name, XLA_FFI_DataType_PRED); }

 private:
  template <typename T>
  Array<T> array(XLA_FFI_DataType type, void** buffers, int64_t count, int64_t* at) {
    const auto* buffer = *at < count ? static_cast<const XLA_FFI_Buffer*>(buffers[(*at)++]) : nullptr;
    if (buffer && buffer->dtype == type) return {static_cast<T*>(buffer->data), buffer->dims};
    wrong = true;
    return {};
  }

  template <typename T>
  T attribute(const char* name, XLA_FFI_DataType type) {
    for (int64_t i = 0; i < frame_->attrs.size; ++i) {
      const XLA_FFI_ByteSpan* found = frame_->attrs.names[i];
      const auto* scalar = static_cast<const XLA_FFI_Scalar*>(frame_->attrs.attrs[i]);
      if (found->len == std::strlen(name) && !std::memcmp(found->ptr, name, found->len) &&
          frame_->attrs.types[i] == XLA_FFI_AttrType_SCALAR && scalar->dtype == type)
        return *static_cast<const T*>(scalar->value);
    }
    wrong = true;
    return {};
  }

  const XLA_FFI_CallFrame* frame_;
  int64_t argument_ = 0, result_ = 0;
};

// The function that XLA calls. It reports the interface's version, or runs the kernel.
inline XLA_FFI_Error* answer(XLA_FFI_CallFrame* frame, void (*kernel)(Call&), const char* mistake) {
  if (frame->extension_start && frame->extension_start->type == XLA_FFI_Extension_Metadata) {
    XLA_FFI_Metadata* metadata = reinterpret_cast<XLA_FFI_Metadata_Extension*>(frame->extension_start)->metadata;
    metadata->api_version.major_version = XLA_FFI_API_MAJOR;
    metadata->api_version.minor_version = XLA_FFI_API_MINOR;
    metadata->traits = 0;
    return nullptr;
  }
  Call call(frame);
  kernel(call);
  if (!call.wrong) return nullptr;
  XLA_FFI_Error_Create_Args error = {XLA_FFI_Error_Create_Args_STRUCT_SIZE, nullptr, mistake, XLA_FFI_Error_Code_INVALID_ARGUMENT};
  return frame->api->XLA_FFI_Error_Create(&error);
}

}  // namespace autoint

// Gives XLA the kernel `autoint::kernel` by the same name.
#define AUTOINT_KERNEL(kernel)                                                                                  \
  extern "C" XLA_FFI_Error* kernel(XLA_FFI_CallFrame* frame) {                                                  \
    return autoint::answer(frame, autoint::kernel, #kernel ": wrong arguments, results or attributes");          \
  }

#endif  // AUTOINT_JAX_KERNELS_CALL_H_
