// See buffers.h.
#include "buffers.h"

#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "errors.h"
#include "whimbrel/collectives.h"

namespace whim_python {
namespace {

// The part of DLPack's stable structures that is read here (dmlc/dlpack, version 0.x capsules).
constexpr int32_t kDlCpu = 1, kDlCudaHost = 3;
enum DlTypeCode : uint8_t { kDlInt = 0, kDlUint = 1, kDlFloat = 2, kDlBfloat = 4 };

struct DlTensor {
    void* data;
    int32_t device_type, device_id;
    int32_t ndim;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t* shape;
    int64_t* strides;  // in elements; null: contiguous
    uint64_t byte_offset;
};

struct DlManagedTensor {
    DlTensor tensor;
    void* manager_context;
    void (*deleter)(DlManagedTensor*);
};

std::string type_name(const py::object& object) { return Py_TYPE(object.ptr())->tp_name; }

[[noreturn]] void refuse(const char* argument, const py::object& object, const std::string& why) {
    raise_type_error(std::string(argument) + ": " + type_name(object) + " " + why);
}

struct TypeRow {
    uint8_t code;
    size_t itemsize;
    uint32_t dtype;
};
constexpr std::array<TypeRow, 12> kTypes{{
    {kDlFloat, 4, WHIM_F32},
    {kDlFloat, 8, WHIM_F64},
    {kDlFloat, 2, WHIM_F16},
    {kDlBfloat, 2, WHIM_BF16},
    {kDlInt, 1, WHIM_I8},
    {kDlInt, 2, WHIM_I16},
    {kDlInt, 4, WHIM_I32},
    {kDlInt, 8, WHIM_I64},
    {kDlUint, 1, WHIM_U8},
    {kDlUint, 2, WHIM_U16},
    {kDlUint, 4, WHIM_U32},
    {kDlUint, 8, WHIM_U64},
}};

const TypeRow* find_type(uint8_t code, size_t itemsize) {
    for (const TypeRow& row : kTypes) {
        if (row.code == code && row.itemsize == itemsize) return &row;
    }
    return nullptr;
}

constexpr const char* kTypeHelp = "whimbrel knows float16/32/64, bfloat16 and integers of 8 to 64 bits";

// The buffer protocol's format character as a DLPack type code; -1 for what is no plain number.
int code_of_format(const char* format) {
    if (format == nullptr) return kDlUint;
    if (*format == '@' || *format == '=' || *format == '<') ++format;
    if (std::strlen(format) != 1) return -1;
    if (std::strchr("efd", *format)) return kDlFloat;
    if (std::strchr("bhilqn", *format)) return kDlInt;
    if (std::strchr("BHILQN", *format)) return kDlUint;
    return -1;
}

Buffer from_buffer_protocol(const py::object& object, const char* argument) {
    auto view = std::make_unique<Py_buffer>();
    if (PyObject_GetBuffer(object.ptr(), view.get(), PyBUF_RECORDS_RO) != 0) throw py::error_already_set();
    Py_buffer* raw = view.release();
    py::object held = py::capsule(raw, [](void* pointer) {
        auto* mine = static_cast<Py_buffer*>(pointer);
        PyBuffer_Release(mine);
        delete mine;
    });
    if (!PyBuffer_IsContiguous(raw, 'C'))
        refuse(argument, object, "is not contiguous; pass a contiguous copy");
    const int code = code_of_format(raw->format);
    const TypeRow* type =
        code < 0 ? nullptr : find_type(static_cast<uint8_t>(code), static_cast<size_t>(raw->itemsize));
    if (type == nullptr) {
        refuse(
            argument, object,
            std::string("has elements of format '") + (raw->format ? raw->format : "") + "'; " + kTypeHelp);
    }
    const auto itemsize = static_cast<size_t>(raw->itemsize);
    return {raw->buf,           static_cast<size_t>(raw->len) / itemsize,
            type->dtype,        itemsize,
            raw->readonly != 0, std::move(held)};
}

// Takes over the capsule's tensor, whose deleter runs when the returned object goes.
py::object own_managed_tensor(const py::object& capsule, DlManagedTensor** tensor) {
    auto* managed = static_cast<DlManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"));
    if (managed == nullptr) throw py::error_already_set();
    PyCapsule_SetName(capsule.ptr(), "used_dltensor");
    *tensor = managed;
    return py::capsule(managed, [](void* pointer) {
        auto* mine = static_cast<DlManagedTensor*>(pointer);
        if (mine->deleter) mine->deleter(mine);
    });
}

bool is_contiguous(const DlTensor& tensor) {
    if (tensor.strides == nullptr) return true;
    int64_t expected = 1;
    for (int32_t axis = tensor.ndim - 1; axis >= 0; --axis) {
        if (tensor.shape[axis] != 1 && tensor.strides[axis] != expected) return false;
        expected *= tensor.shape[axis];
    }
    return true;
}

Buffer from_dlpack(const py::object& object, const char* argument) {
    py::object capsule;
    try {
        const auto device = object.attr("__dlpack_device__")().cast<py::tuple>();
        const int32_t device_type = py::int_(device[0]).cast<int32_t>();
        if (device_type != kDlCpu && device_type != kDlCudaHost) {
            refuse(argument, object, "is not in CPU memory; pass .cpu()");
        }
        capsule = object.attr("__dlpack__")();
    } catch (py::error_already_set& error) {
        refuse(argument, object,
               std::string("gives no memory: ") + py::str(error.value()).cast<std::string>());
    }
    DlManagedTensor* managed = nullptr;
    py::object held = own_managed_tensor(capsule, &managed);
    const DlTensor& tensor = managed->tensor;
    size_t count = 1;
    for (int32_t axis = 0; axis < tensor.ndim; ++axis) count *= static_cast<size_t>(tensor.shape[axis]);
    if (count > 0 && !is_contiguous(tensor))
        refuse(argument, object, "is not contiguous; pass .contiguous()");
    const TypeRow* type =
        tensor.lanes == 1 && tensor.bits % 8 == 0 ? find_type(tensor.code, tensor.bits / 8u) : nullptr;
    if (type == nullptr) refuse(argument, object, std::string("has elements of another kind; ") + kTypeHelp);
    auto* data = static_cast<char*>(tensor.data) + tensor.byte_offset;
    return {count > 0 ? data : nullptr, count, type->dtype, type->itemsize, false, std::move(held)};
}

}  // namespace

Buffer buffer_of(const py::object& object, const char* argument) {
    if (PyObject_CheckBuffer(object.ptr())) return from_buffer_protocol(object, argument);
    if (py::hasattr(object, "__dlpack__")) return from_dlpack(object, argument);
    refuse(argument, object,
           "has neither the buffer protocol nor DLPack; pass a numpy array or a torch CPU tensor");
}

Buffer writable_buffer_of(const py::object& object, const char* argument) {
    Buffer buffer = buffer_of(object, argument);
    if (buffer.readonly) refuse(argument, object, "is read-only, and the result is written into it");
    return buffer;
}

}  // namespace whim_python
